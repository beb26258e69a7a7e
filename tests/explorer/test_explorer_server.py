"""The explorer's server: it answers its own page, on this machine, with the token; and what it refuses."""

import http.client
import json
from threading import Thread

import pytest

from jaxgap import InputError, materials
from jaxgap.explorer.assets import PARTS, module
from jaxgap.explorer.pieces import Desk, plain
from jaxgap.explorer.server import Server
from jaxgap.explorer.setting import setting_of
from jaxgap.numerics.wanted import check_wanted


@pytest.fixture(scope="module")
def server():
    with Server(Desk(materials.two_band(), "two_band")) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _asked(server, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    host = {"Host": headers.pop("Host", f"127.0.0.1:{server.server_address[1]}")}
    connection.request(method, path, body, {**host, **headers})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def test_the_page_and_what_is_beside_it(server):
    for name, kind in (("", "text/html"), ("explorer.js", "text/javascript"), ("explorer.css", "text/css")):
        answer, text = _asked(server, f"/{server.token}/{name}")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/explorer.js", "/wrong/about", ""])
def test_without_the_token_nothing_is_said(server, path):
    answer, text = _asked(server, path or f"/{server.token[:-1]}/")
    assert answer.status == 403
    assert "token" in text
    assert "two_band" not in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1:1", ""])
def test_another_host_is_refused(server, host):
    answer, text = _asked(server, f"/{server.token}/about", Host=host)
    assert answer.status == 403
    assert "own machine" in text


def test_another_origin_is_refused(server):
    body = json.dumps({"pieces": []})
    kind = {"Content-Type": "application/json"}
    answer, _ = _asked(server, f"/{server.token}/answers", "POST", body, Origin="http://evil.example", **kind)
    assert answer.status == 403
    answer, _ = _asked(server, f"/{server.token}/answers", "POST", body, Origin=server.origin, **kind)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [("[1]", "application/json", 400), ("{", "application/json", 400), ("{}", "text/plain", 404)],
)
def test_what_is_no_question_is_refused(server, body, kind, status):
    answer, _ = _asked(server, f"/{server.token}/answers", "POST", body, **{"Content-Type": kind})
    assert answer.status == status


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"values": {"nothing": 1.0}}, "Unknown path `nothing`"),
        ({"values": {"Omega": -1.0}}, "Argument `Omega` must be positive"),
        ({"T": -2.0}, "Argument `T` must not be negative"),
        ({"branch": "up"}, "Argument `branch` must be"),
        ({"system": "no_such"}, "Argument `system` must be one of"),
        ({"convention": "other"}, "Argument `convention` must be one of"),
    ],
)
def test_bad_settings_are_told_in_the_packages_sentences(server, message, sentence):
    body = json.dumps({"pieces": ["point"], **message})
    answer, text = _asked(server, f"/{server.token}/answers", "POST", body, **{"Content-Type": "application/json"})
    assert answer.status == 200
    (event,) = map(json.loads, text.splitlines())
    assert event["error"].startswith(sentence)


def test_a_stale_move_is_not_answered():
    desk = Desk(materials.two_band())
    newer = {"page": "a", "line": "moves", "move": 3, "pieces": []}
    assert list(desk.events(newer)) == []
    assert list(desk.events({**newer, "move": 2, "pieces": ["files"]})) == []
    *_, event = desk.events({**newer, "page": "another", "move": 1, "pieces": ["files"]})
    assert "[bands.a]" in event["answer"]["files"]["system.toml"]


def test_a_move_makes_what_waits_for_a_pause_stale():
    """In the middle of it: a map that is being made is given up."""
    desk = Desk(materials.two_band())
    made = []

    def long(moment, message):
        made.append("begun")
        desk.latest["a", "moves"] = 8
        check_wanted()
        return {"never": "told"}

    desk.pieces = desk.pieces | {"map": long}
    idle = {"page": "a", "line": "idle", "move": 7, "pieces": ["map", "files"]}
    assert [event for event in desk.events(idle) if "stale" not in event] == []
    assert made == ["begun"]
    assert list(desk.events(idle)) == []


def counted(desk, *pieces):
    """The temperatures at which these pieces are computed from now on, one after the other; their answer is the temperature."""
    made = []

    def answer(moment, message):
        made.append(moment.setting.T)
        return {"T": moment.setting.T}

    desk.pieces = desk.pieces | dict.fromkeys(pieces, answer)
    return made


def test_what_a_move_does_not_change_is_not_computed_again():
    desk = Desk(materials.two_band())

    def told(piece, **message):
        *_, event = desk.events({"page": "a", "pieces": [piece], **message})
        return event["answer"]["T"]

    made = counted(desk, "branches", "spectra")
    assert [told("branches", T=T, Gamma=T) for T in (1.0, 2.0)] == [1.0, 1.0]
    assert [told("spectra", T=1.0, Gamma=Gamma) for Gamma in (0.1, 0.2, 0.2)] == [1.0] * 3
    assert told("spectra", T=1.5, Gamma=0.2) == 1.5
    changed = {"mu[a]": float(desk.sc.get("mu[a]")) * (1 + 1e-15)}
    assert told("branches", T=3.0, values=changed) == 3.0
    assert told("branches", T=4.0) == 4.0
    assert made == [1.0, 1.0, 1.0, 1.5, 3.0, 4.0]


def test_the_first_picture_is_there_before_it_is_asked_for():
    """What the page asks for when it opens, with nothing moved, has been answered."""
    desk = Desk(materials.two_band())
    made = counted(desk, "energies", "point")
    desk.begin()
    system = desk.about()["system"]
    page = {name: system[name] for name in ("T", "Gamma", "symmetric", "convention", "along")}
    asked = {**page, "system": "", "values": {}, "branch": "", "width": 0.2, "page": "a", "line": "moves", "move": 1}
    told = {event["piece"]: event["answer"] for event in desk.events({**asked, "pieces": ["energies", "point"]})}
    assert told == {"energies": {"T": system["T"]}, "point": {"T": system["T"]}}
    desk.pool.shutdown()
    assert made == [system["T"]] * 2


def test_unknown_pieces_are_refused():
    with pytest.raises(InputError, match="`pieces` must be a list of"):
        list(Desk(materials.two_band()).events({"pieces": ["all"]}))


def test_a_system_whose_g_is_kept_symmetric_has_a_free_energy():
    sc = materials.ba122()
    assert not bool(setting_of(sc, {}).sc.has_free_energy)
    assert bool(setting_of(sc, {"symmetric": True, "values": {"mass[beta]": 1.7, "lam[alpha, beta]": 0.02}}).sc.has_free_energy)


def test_numbers_that_do_not_exist_are_null():
    assert plain({"x": [1.0, float("nan")], "y": float("inf")}) == {"x": [1.0, None], "y": None}


def test_the_module_has_all_its_parts_and_imports_nothing():
    text = module()
    assert len(PARTS) == len(set(PARTS))
    assert "\nimport " not in text
    assert text.count("export default") == 1
