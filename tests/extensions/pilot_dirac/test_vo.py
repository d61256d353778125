"""The VO of a pilot: by its proxy, or by its token."""

import base64
import json

import pytest

from tests.conftest import extension
from tests.grid_proxy import proxy_with

vos = extension("pilot_dirac.vo")


@pytest.mark.parametrize(
    "fqan, vo",
    [
        ("/vo.cta.in2p3.fr/Role=pilot", "vo.cta.in2p3.fr"),
        ("/eng.vo.ibergrid.eu/sub-group/Role=NULL", "eng.vo.ibergrid.eu"),
        ("", ""),
    ],
)
def test_the_vo_of_a_proxy_may_have_dots_hyphens_and_groups(tmp_path, fqan, vo):
    path = tmp_path / "proxy.pem"
    path.write_text(proxy_with(fqan))
    assert vos.find_vo({"X509_USER_PROXY": str(path)}) == vo
    assert vos.find_vo({"X509_USER_PROXY": str(tmp_path)}) == ""
    assert vos.find_vo({}) == ""
    assert vos.find_vo({"X509_USER_PROXY": str(path), "DIRAC_PILOT_VO": "x"}) == "x"


def test_what_we_cannot_read_openssl_may(tmp_path, programs):
    (tmp_path / "proxy").write_text(
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    )
    programs.make(
        "openssl",
        "echo '  1.3.6.1.4.1.8005.100.100.5: 0..G...vo.example.org..."
        "/vo.example.org/group/Role=NULL/Capability=NULL'",
    )
    assert vos.of_proxy(str(tmp_path / "proxy")) == "vo.example.org"
    assert programs.calls("openssl") == ["x509 -noout -text -in %s" % (tmp_path / "proxy")]


@pytest.mark.parametrize(
    "claims, vo",
    [
        ({"wlcg.groups": ["/dteam/pilots", "/x"]}, "dteam"),
        ({"wlcg.groups": []}, ""),
        ({"sub": "x"}, ""),
        (None, ""),
    ],
)
def test_the_vo_of_a_token(claims, vo):
    token = (
        "h.%s.s" % base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        if claims is not None
        else "plain"
    )
    assert vos.find_vo({"BEARER_TOKEN": token}) == vo


def token_of(claims):
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return "h.%s.s" % text


def test_the_proxy_comes_before_the_token(tmp_path):
    (tmp_path / "proxy").write_text(proxy_with("/dteam/Role=pilot"))
    environ = {"BEARER_TOKEN": token_of({"wlcg.groups": ["/other"]})}
    assert vos.find_vo(dict(environ, X509_USER_PROXY=str(tmp_path / "proxy"))) == "dteam"


def test_where_the_proxy_tells_nothing_the_token_may(tmp_path):
    (tmp_path / "proxy").write_text(proxy_with(""))
    environ = {"BEARER_TOKEN": token_of({"wlcg.groups": ["/other"]})}
    assert vos.find_vo(dict(environ, X509_USER_PROXY=str(tmp_path / "proxy"))) == "other"


@pytest.mark.parametrize("groups", ["text", {"a": 1}, 5, None])
def test_groups_of_an_odd_kind_cost_no_pilot(groups):
    assert "/" not in vos.of_token({"BEARER_TOKEN": token_of({"wlcg.groups": groups})})


def test_a_proxy_that_is_not_there_tells_nothing(tmp_path):
    assert vos.of_proxy(str(tmp_path / "none")) == ""


def test_what_openssl_cannot_read_either_tells_nothing(tmp_path, programs):
    (tmp_path / "proxy").write_text("garbage")
    programs.make("openssl", "exit 1")
    assert vos.of_proxy(str(tmp_path / "proxy")) == ""
