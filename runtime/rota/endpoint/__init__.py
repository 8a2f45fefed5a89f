"""The server side of an endpoint: middlewares that take signed runs. `rota.endpoint.wsgi`, `rota.endpoint.asgi`."""
