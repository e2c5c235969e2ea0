"""Reasons: every way in which a page says one, and what is none."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_fdl_nodes.failures import described
from harness.outage.reasons import code_of, written_code
from harness.problems import Mistake
from reference_server.codes import Code


@pytest.mark.parametrize("code", Code)
def test_what_we_print_is_understood(code: Code) -> None:
    for text in (described(code), code.reason, code.shown_name, written_code(code), f"{code.reason.capitalize()}."):
        assert code_of(text) is code, text
    if code.label:
        assert code_of(code.label) is code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/", Code.NO_CONNECTION),
        (" / ", Code.NO_CONNECTION),
        ("/ something that only a page says", Code.NO_CONNECTION),
        ("Cannot connect to the server", Code.NO_CONNECTION),
        ("The project fails to reach the registration server", Code.NO_CONNECTION),
        ("connection refused", Code.NO_CONNECTION),
        ("无法连接授权服务器", Code.NO_CONNECTION),
        ("连接服务器超时", Code.NO_CONNECTION),
        ("incorrect licence format", Code.INCORRECT_LICENSE_FORMAT),
        ("License格式错误", Code.INCORRECT_LICENSE_FORMAT),
        ("授权文件格式不正确", Code.INCORRECT_LICENSE_FORMAT),
        ("10000", Code.JSON_PARSER_ERROR),
        ("数据格式错误", Code.JSON_PARSER_ERROR),
        ("参数错误", Code.PARAM_INPUT_ERROR),
        ("该机器未授权，无需解绑", Code.DO_NOT_NEED_DEACTIVATE),  # noqa: RUF001
        ("许可已过期", Code.LICENSE_EXPIRED),
        ("授权到期", Code.LICENSE_EXPIRED),
        ("版本不匹配", Code.REPORT_VERSION_ERROR),
        ("账号状态异常", Code.ACCOUNT_STATUS_ERROR),
        ("IP地址不在允许范围内", Code.LICENSE_IP_ERROR),
        ("the ip is not in a permitted range", Code.LICENSE_IP_ERROR),
        ("域名不在允许范围内", Code.LICENSE_DOMAIN_ERROR),
        ("应用名不在允许范围内", Code.LICENSE_APPNAME_ERROR),
        ("可分配的节点数已达上限", Code.REGISTER_OUT_OF_LIMIT),
        ("The limit of registrations was reached", Code.REGISTER_OUT_OF_LIMIT),
        ("Error code: 30003", Code.LICENSE_IP_ERROR),
        ("错误码：30003", Code.LICENSE_IP_ERROR),  # noqa: RUF001
        ("30003地址", Code.LICENSE_IP_ERROR),
        ("[30003] whatever comes here", Code.LICENSE_IP_ERROR),
        ("failed with LICENSE_IP_ERROR today", Code.LICENSE_IP_ERROR),
        # A code that the table does not list (R107).
        ("30006", Code.INCORRECT_LICENSE_FORMAT),
        ("40001", Code.INCORRECT_LICENSE_FORMAT),
        ("30006 LICENSE_PORT_ERROR", Code.INCORRECT_LICENSE_FORMAT),
        # No code of a reason, but a port.
        ("cannot connect to 10.0.0.1:30003", Code.NO_CONNECTION),
    ],
)
def test_what_a_reason_means(text: str, code: Code) -> None:
    assert code_of(text) is code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found no reason, expected the reason of a failure: a code such as 30003"),
        ("it broke", 'found "it broke", expected the reason'),
        ("LICENSE_IP_EROR", "did you mean LICENSE_IP_ERROR?"),
        ("Incorect License Format", "did you mean Incorrect License Format?"),
        ("3003", "did you mean 30003?"),
        ("300033", "did you mean 30003?"),
        ("30003 LICENSE_EXPIRED", "which fits 30003 LICENSE_IP_ERROR and 30000 LICENSE_EXPIRED"),
        ("the version has expired", "which fits 30000 LICENSE_EXPIRED and 30001 REPORT_VERSION_ERROR"),
        ("域名或IP地址不在允许范围内", "which fits 30003 LICENSE_IP_ERROR and 30004 LICENSE_DOMAIN_ERROR"),
    ],
)
def test_what_is_no_reason(text: str, message: str) -> None:
    with pytest.raises(Mistake, match=re.escape(message)):
        code_of(text)


@given(st.integers(10_000, 99_999))
def test_any_number_like_a_code_is_shown_as_the_node_shows_it(number: int) -> None:
    assert code_of(str(number)) is Code.shown_for(number)


@given(st.text(max_size=40))
def test_any_text_is_a_reason_or_a_mistake(text: str) -> None:
    with suppress(Mistake):
        assert code_of(text) in Code
