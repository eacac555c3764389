"""How Secret Server says no: one exception, several dialects of text."""

from typing import Any


class ApiError(Exception):
    """A refusal: 400 {message, messageDetail, errorCode, modelState} or 403 {message, errorCode}."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        model_state: dict[str, list[str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message}
        if code:
            self.body["errorCode"] = code
        if model_state:
            self.body["modelState"] = model_state


def invalid(model_state: dict[str, list[str]]) -> ApiError:
    """The request's shape is wrong; modelState maps a property to its complaints."""
    return ApiError("The request is invalid.", model_state=model_state)
