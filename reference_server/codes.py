"""Why a request failed: the documented codes with their names, and the two rows that have no code."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Code"]


class Code(IntEnum):
    """Why a request failed: the table "Failure Reason", with its two rows that have no code.

    The values of the coded rows are the documented codes, the names are the documented names.
    """

    #: The "/" row: no answer came, or the connection was refused (R119).
    NO_CONNECTION = -1
    #: Whatever the table does not list is shown as "Incorrect License Format" (R107).
    INCORRECT_LICENSE_FORMAT = 0
    JSON_PARSER_ERROR = 10000
    PARAM_INPUT_ERROR = 10001
    DO_NOT_NEED_DEACTIVATE = 20000
    LICENSE_EXPIRED = 30000
    REPORT_VERSION_ERROR = 30001
    ACCOUNT_STATUS_ERROR = 30002
    LICENSE_IP_ERROR = 30003
    LICENSE_DOMAIN_ERROR = 30004
    LICENSE_APPNAME_ERROR = 30005
    REGISTER_OUT_OF_LIMIT = 30007

    @classmethod
    def shown_for(cls, number: int | None) -> Code:
        """Return what a node shows for the code ``number`` of a refusal (R107: unlisted ones are generic)."""
        return _CODE_BY_NUMBER.get(number, cls.INCORRECT_LICENSE_FORMAT)

    @property
    def label(self) -> str:
        """The code as the failure list prints it: ``30003``, ``/``, or nothing for the generic text."""
        return {-1: "/", 0: ""}.get(int(self), str(int(self)))

    @property
    def shown_name(self) -> str:
        """The name as the failure list prints it: the documented name, the generic text, or ``/``."""
        return {-1: "/", 0: "Incorrect License Format"}.get(int(self), self.name)

    @property
    def reason(self) -> str:
        """The reason in a sentence of our own, corrected where the document has an erratum (Q21, Q27)."""
        return _REASONS[self]


_CODE_BY_NUMBER: dict[int | None, Code] = {int(code): code for code in Code if code > 0}

_REASONS: dict[Code, str] = {
    Code.NO_CONNECTION: "the authorization server cannot be reached",
    Code.INCORRECT_LICENSE_FORMAT: "the licence does not fit, for a reason that the table does not list",
    Code.JSON_PARSER_ERROR: "the data is malformed",
    Code.PARAM_INPUT_ERROR: "a parameter is missing or wrong",
    Code.DO_NOT_NEED_DEACTIVATE: "the machine is not authorized and does not need to be unbound",
    Code.LICENSE_EXPIRED: "the licence has expired",
    Code.REPORT_VERSION_ERROR: "the licence is for another version",
    Code.ACCOUNT_STATUS_ERROR: "the issuer has suspended the licence",
    Code.LICENSE_IP_ERROR: "the address is outside the licensed ranges, or was translated on the way",
    Code.LICENSE_DOMAIN_ERROR: "the access domain is not licensed",
    Code.LICENSE_APPNAME_ERROR: "the application name is not licensed",
    Code.REGISTER_OUT_OF_LIMIT: "every licensed slot is taken",
}
