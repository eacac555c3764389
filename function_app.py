"""The function app: registers the blueprints, nothing else. Everything behind them is put together in scim/app.py."""

import azure.functions as func

from scim.app import connector, keep_up
from scim.triggers.console import console_blueprint
from scim.triggers.health import health_blueprint
from scim.triggers.metrics import metrics_blueprint
from scim.triggers.oauth import oauth_blueprint
from scim.triggers.scim import scim_blueprint
from scim.triggers.timers import timer_blueprint

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for blueprint in (
    console_blueprint(connector),
    health_blueprint(connector),
    metrics_blueprint(connector),
    oauth_blueprint(connector),
    scim_blueprint(connector),
    timer_blueprint(keep_up),
):
    app.register_functions(blueprint)
