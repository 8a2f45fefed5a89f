"""A web server of the depot, behind the endpoint that `ROTA_ENDPOINT` names. `uvicorn depot_server:app`"""

from depot import manifest
from fastapi import FastAPI

from rota.endpoint.asgi import RotaMiddleware

app = FastAPI()
app.add_middleware(RotaMiddleware, manifest=manifest)


@app.get("/")
def page() -> str:
    return "the depot"
