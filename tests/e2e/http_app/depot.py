"""The manifest of the tests over HTTP: a fleet behind one balancer, and one server each in two regions."""

from datetime import timedelta

from rota import Cron, Endpoint, EveryServer, Job, Manifest

second = timedelta(seconds=1)

web = Endpoint(name="web", lease=15 * second)
east = Endpoint(name="east", path="/east", lease=15 * second)
west = Endpoint(name="west", path="/west", lease=15 * second)

# A night in the far future: the tests fire these rules themselves.
never = Cron.aws("0 3 1 1 ? 2199")

note = Job(name="note", handler="depot_handlers:note", target=web, schedule=never, timeout=second)
count_stock = Job(
    name="count-stock", handler="depot_handlers:note", target=[east, west], schedule=never, timeout=second
)
drop_caches = Job(
    name="drop-caches", handler="depot_handlers:note", target=EveryServer(web), schedule=never, timeout=second
)
# No timeout: answered with 202 when it begins.
pack = Job(name="pack", handler="depot_handlers:hold", target=web, schedule=never)
brief = Job(name="brief", handler="depot_handlers:note", target=web, timeout=second, start_deadline=10 * second)

manifest = Manifest(name="depot", jobs=[note, count_stock, drop_caches, pack, brief])
