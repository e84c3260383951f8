"""Requirements, from environments made up of dist-info folders."""

import importlib
import json
import platform
import re
import sys
import types
import zipfile

import pytest
from packaging.requirements import Requirement

from nb2service.capture.outside import managers
from nb2service.capture.outside.requirements import (
    WEB_LAYER,
    add_requirements,
    find_requirements,
)
from nb2service.capture.pins import Pin
from nb2service.errors import RequirementsError

WHY = "imported by cell [2]"


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site, name, version="1.0", files=(), requires=(), record=True, **metadata):
    """Lay down what an installer leaves behind; ``metadata`` are further files of dist-info."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    lines += [f"Requires-Dist: {text}" for text in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n\nSome words.\n")
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text("")
    if record:
        (info / "RECORD").write_text("".join(f"{file},sha256=x,0\n" for file in files))
    for file, content in metadata.items():
        (info / file).write_text(content)
    importlib.invalidate_caches()


def pins(modules, local=(), web=()):
    if not isinstance(modules, dict):
        modules = dict.fromkeys(modules, WHY)
    return find_requirements(modules, local, web)


@pytest.mark.parametrize(
    ("module", "files", "distribution"),
    [
        ("plain", ["plain/__init__.py"], "plain"),
        ("plain.part.Class", ["plain/__init__.py", "plain/part.py"], "plain"),
        ("onefile", ["onefile.py"], "onefile"),
        ("skl", ["skl/__init__.py"], "scikit-thing"),
        ("space.thing", ["space/thing/__init__.py"], "space-thing-dist"),
        ("Camel_Case", ["Camel_Case/__init__.py"], "Camel.Case"),
    ],
)
def test_a_module_is_pinned_by_the_distribution_that_installed_its_file(
    site, module, files, distribution
):
    install(site, "decoy", files=["decoy/__init__.py", "decoy/plain.py"])
    install(site, distribution, "1.2.3", files)
    found = pins([module])
    name = distribution.lower().replace(".", "-")
    assert found.pins == (Pin(name, "1.2.3", WHY, direct=True),)
    assert found.warnings == ()


def test_each_part_of_a_namespace_has_its_own_distribution(site):
    install(site, "space-one", "1.0", ["space/one/__init__.py"])
    install(site, "space-two", "2.0", ["space/two/__init__.py"])
    found = pins(["space", "space.two"])
    assert [(p.name, p.version) for p in found.pins] == [("space-two", "2.0")]


def test_a_namespace_alone_names_nothing(site):
    install(site, "space-one", "1.0", ["space/one/__init__.py"])
    with pytest.raises(RequirementsError, match=r"'space'.*without code of its own") as error:
        pins(["space"])
    assert "full name" in error.value.hint


def test_of_two_installations_the_one_that_is_imported_counts(site, tmp_path, monkeypatch):
    install(site, "thing", "1.0", ["thing/__init__.py"])
    newer = tmp_path / "user" / "site-packages"
    newer.mkdir(parents=True)
    install(newer, "thing", "2.0", ["thing/__init__.py"])
    monkeypatch.syspath_prepend(str(newer))
    assert [p.version for p in pins(["thing"]).pins] == ["2.0"]


def test_old_installers_leave_top_level_names(site):
    install(
        site, "Old-Thing", "0.9", ["oldthing.py"], record=False, **{"top_level.txt": "oldthing"}
    )
    assert [(p.name, p.version) for p in pins(["oldthing"]).pins] == [("old-thing", "0.9")]


def test_the_closure_follows_markers_and_extras(site):
    install(
        site,
        "top",
        files=["top.py"],
        requires=[
            "always",
            "never; python_version < '3'",
            "Uses_Extra[fast,unknown]>=1",
            "dev; extra == 'test'",
        ],
    )
    install(site, "always", requires=["shared"])
    install(site, "uses-extra", requires=["shared", "quick; extra == 'fast'", "slow; extra == 'x'"])
    for name in ("never", "dev", "shared", "quick", "slow"):
        install(site, name)
    found = pins(["top"])
    assert [(p.name, p.why, p.direct) for p in found.pins] == [
        ("always", "via top", False),
        ("quick", "via uses-extra", False),
        ("shared", "via always, uses-extra", False),
        ("top", WHY, True),
        ("uses-extra", "via top", False),
    ]
    assert found.warnings == ()


def test_reasons_add_up(site):
    install(site, "top", files=["top/__init__.py", "top/b.py"], requires=["base", "top[all]"])
    install(site, "base", files=["base.py"])
    found = pins({"top": "one", "top.b.X": "two", "top.b": "one", "base": "three"})
    assert [(p.name, p.why) for p in found.pins] == [
        ("base", "three; via top"),
        ("top", "one; two"),
    ]


def test_circles_end(site):
    install(site, "hen", files=["hen.py"], requires=["egg"])
    install(site, "egg", requires=["hen"])
    assert [p.name for p in pins(["hen"]).pins] == ["egg", "hen"]


def test_the_web_layer_is_flagged_unless_the_model_needs_it(site):
    install(site, "webby", requires=["shared", "only-web"])
    install(site, "shared")
    install(site, "only-web")
    install(site, "model-lib", files=["model_lib.py"], requires=["shared"])
    found = pins(["model_lib"], web=["webby", "absent; python_version < '3'"])
    assert [(p.name, p.why, p.direct, p.web) for p in found.pins] == [
        ("model-lib", WHY, True, False),
        ("only-web", "via webby", False, True),
        ("shared", "via model-lib", False, False),
        ("webby", "web layer", True, True),
    ]


def test_the_web_layer_must_be_installed(site):
    with pytest.raises(RequirementsError, match="absent-web is not installed") as error:
        pins([], web=["absent-web"])
    assert "pip install absent-web" in error.value.hint


def test_the_standard_library_the_notebook_and_local_modules_need_nothing():
    found = pins(
        ["json", "os.path", "__main__", "_thread", "mine", "mine.part", "pkg.mine"],
        local=["mine", "pkg.mine"],
    )
    assert found.pins == ()


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        (
            {
                "url": "https://example.org/thing.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"},
            },
            "git+https://example.org/thing.git@abc",
        ),
        (
            {
                "url": "ssh://git@example.org/thing",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
                "subdirectory": "python",
            },
            "git+ssh://git@example.org/thing@abc#subdirectory=python",
        ),
        (
            {
                "url": "https://user:secret@example.org/thing",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
            },
            "git+https://example.org/thing@abc",
        ),
        (
            {"url": "https://example.org/thing-1.0.whl", "archive_info": {"hash": "sha256=0f"}},
            "https://example.org/thing-1.0.whl#sha256=0f",
        ),
    ],
)
def test_what_came_from_a_url_is_required_from_it(site, origin, url):
    install(site, "thing", files=["thing.py"], **{"direct_url.json": json.dumps(origin)})
    found = pins(["thing"])
    assert found.pins == (Pin("thing", "1.0", WHY, direct=True, url=url),)
    assert found.warnings == ()


@pytest.mark.parametrize(
    "origin",
    [
        {"dir_info": {"editable": True}},
        {"dir_info": {}},
        {"vcs_info": {"vcs": "git", "commit_id": "abc"}},
    ],
    ids=["editable", "folder", "repository"],
)
def test_what_came_from_this_machine_is_refused(site, origin):
    origin = {"url": "file:///home/me/thing", **origin}
    install(site, "thing", files=["thing.py"], **{"direct_url.json": json.dumps(origin)})
    install(site, "top", files=["top.py"], requires=["thing"])
    with pytest.raises(RequirementsError, match=r"thing \(via top\).*file:///home/me/thing") as e:
        pins(["top"])
    assert "beside the notebook" in e.value.hint


def test_a_checkout_is_refused_with_the_url_that_others_have_it_from(site, tmp_path):
    git = tmp_path / "thing" / ".git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("f00d\n")
    (git / "config").write_text('[remote "origin"]\n\turl = git@example.org:me/thing.git\n')
    origin = {"url": (tmp_path / "thing").as_uri(), "dir_info": {"editable": True}}
    install(site, "thing", files=["thing.py"], **{"direct_url.json": json.dumps(origin)})
    with pytest.raises(RequirementsError) as error:
        pins(["thing"])
    assert "%pip install 'git+ssh://git@example.org/me/thing.git@f00d'" in error.value.hint


def test_an_editable_install_is_named(site, tmp_path, monkeypatch):
    source = tmp_path / "checkout" / "src"
    source.mkdir(parents=True)
    (source / "thing.py").write_text("")
    origin = {"url": (tmp_path / "checkout").as_uri(), "dir_info": {"editable": True}}
    install(site, "the-thing", **{"direct_url.json": json.dumps(origin)})
    monkeypatch.syspath_prepend(str(source))
    with pytest.raises(RequirementsError, match=r"the-thing \(imported by cell \[2\]\)"):
        pins(["thing"])


def test_a_folder_of_sources_is_no_distribution(tmp_path, monkeypatch):
    egg = tmp_path / "thing.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: thing\nVersion: 1\n")
    (egg / "top_level.txt").write_text("thing\n")
    (tmp_path / "thing.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RequirementsError, match=r"'thing'.*no installed distribution.*thing\.py"):
        pins(["thing"])


def test_a_module_that_is_not_installed_is_named():
    found = pins(["nowhere.part"])
    [said] = found.warnings
    assert found.pins == ()
    assert "'nowhere.part' (imported by cell [2]) is not installed here" in said.message
    assert "%pip install nowhere" in said.hint


@pytest.mark.parametrize(
    ("sources", "count"),
    [
        (["try:\n    import nowhere\nexcept ImportError:\n    pass"], 0),
        (["def f():\n    try:\n        from nowhere import x\n    except ImportError: pass"], 0),
        (["try:\n    import nowhere\nexcept ImportError:\n    pass", "import nowhere"], 1),
    ],
    ids=["at the top", "in a function", "somewhere else not"],
)
def test_one_that_the_code_can_do_without_is_no_news(sources, count):
    found = find_requirements({"nowhere": WHY}, (), web=(), sources=sources)
    assert len(found.warnings) == count


def test_conda_builds_are_required_by_version(site):
    origin = {"url": "file:///croot/thing_1/work", "dir_info": {}}
    install(
        site,
        "thing",
        files=["thing.py"],
        **{"direct_url.json": json.dumps(origin), "INSTALLER": "conda\n"},
    )
    found = pins(["thing"])
    assert found.pins == (Pin("thing", "1.0", WHY, direct=True),)
    assert found.warnings == ()


@pytest.fixture
def conda(tmp_path, monkeypatch):
    """An environment as conda lays it down: what is in it is told by ``conda-meta``."""
    prefix = tmp_path / "conda"
    site = prefix / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.syspath_prepend(str(site))

    def lay(package, files):
        record = {"name": package, "version": "4.9.0", "channel": "conda-forge"}
        record["files"] = [f"lib/python3.11/site-packages/{file}" for file in files]
        text = json.dumps(record, indent=2)
        (prefix / "conda-meta" / f"{package}-4.9.0-py311_0.json").write_text(text)
        return site

    return lay


def test_conda_tells_whose_a_module_is(conda):
    info = "scikit_thing-4.9.0.dist-info"
    site = conda("py-thing", ["skthing/__init__.py", f"{info}/METADATA", f"{info}/INSTALLER"])
    install(site, "scikit-thing", "4.9.0", ["skthing/__init__.py"], record=False)
    found = pins(["skthing"])
    assert found.pins == (Pin("scikit-thing", "4.9.0", WHY, direct=True),)


def test_a_conda_package_without_metadata_is_named(conda):
    site = conda("opencv", ["cv2/__init__.py"])
    (site / "cv2").mkdir()
    (site / "cv2" / "__init__.py").write_text("")
    with pytest.raises(RequirementsError, match=r"'cv2'.*the conda package opencv 4\.9\.0") as e:
        pins(["cv2"])
    assert "with pip" in e.value.hint


def test_debian_tells_whose_a_module_is(tmp_path, monkeypatch):
    site = tmp_path / "usr" / "lib" / "python3" / "dist-packages"
    site.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    install(site, "scikit-thing", "1.4.2", ["skthing/__init__.py"], record=False)
    (tmp_path / "info").mkdir()
    monkeypatch.setattr(managers, "_DPKG", tmp_path / "info")
    paths = ["skthing/__init__.py", "scikit_thing-1.4.2.dist-info/METADATA"]
    text = "".join(f"{site / path}\n" for path in paths)
    (tmp_path / "info" / "python3-skthing.list").write_text(text)
    (tmp_path / "info" / "python3-other.list").write_text("/usr/lib/python3/x.py\n")
    assert pins(["skthing"]).pins == (Pin("scikit-thing", "1.4.2", WHY, direct=True),)


@pytest.mark.parametrize("zipped", [True, False])
def test_eggs_are_distributions(site, monkeypatch, zipped):
    files = {
        "eggy/__init__.py": "",
        "EGG-INFO/PKG-INFO": "Metadata-Version: 1.0\nName: Eggy-Thing\nVersion: 1.0\n",
        "EGG-INFO/top_level.txt": "eggy\n",
    }
    egg = site / "Eggy_Thing-1.0-py3.11.egg"
    if zipped:
        with zipfile.ZipFile(egg, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    for path, text in files.items() if not zipped else ():
        (egg / path).parent.mkdir(parents=True, exist_ok=True)
        (egg / path).write_text(text)
    monkeypatch.syspath_prepend(str(egg))
    assert pins(["eggy"]).pins == (Pin("eggy-thing", "1.0", WHY, direct=True),)


def test_a_module_in_a_loose_archive_is_named(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "helpers.zip", "w") as archive:
        archive.writestr("zipped.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "helpers.zip"))
    with pytest.raises(RequirementsError, match=r"'zipped'.*helpers\.zip/zipped\.py") as error:
        pins(["zipped"])
    assert "unpack helpers.zip" in error.value.hint


def test_a_module_that_was_made_at_run_time_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "made_up", types.ModuleType("made_up"))
    with pytest.raises(RequirementsError, match=r"'made_up' .* was made while the notebook ran"):
        pins(["made_up"])


@pytest.mark.parametrize("in_effect", ["thing", "thing-cpu"])
def test_of_two_distributions_of_a_module_the_one_in_effect_counts(site, in_effect):
    install(site, "thing", "1.0", ["thing/__init__.py", "thing/core.py"])
    install(site, "thing-cpu", "1.0", ["thing/__init__.py", "thing/core.py"])
    for name in ("thing", "thing-cpu"):
        size = 3 if name == in_effect else 4
        record = f"thing/__init__.py,sha256=x,0\nthing/core.py,sha256=x,{size}\n"
        (site / f"{name.replace('-', '_')}-1.0.dist-info" / "RECORD").write_text(record)
    (site / "thing" / "core.py").write_text("abc")
    found = pins(["thing"])
    assert [pin.name for pin in found.pins] == [in_effect]
    [said] = found.warnings
    assert "thing 1.0 and thing-cpu 1.0 are installed over each other" in said.message
    assert f"name {in_effect} 1.0" in said.message


def test_a_version_that_no_installer_takes_is_named(site):
    install(site, "thing", "unknown", ["thing.py"])
    with pytest.raises(RequirementsError, match="thing has the version 'unknown'"):
        pins(["thing"])


def test_a_python_before_its_release_is_said(monkeypatch):
    early = types.SimpleNamespace(releaselevel="candidate")
    monkeypatch.setattr(sys, "version_info", early)
    monkeypatch.setattr(platform, "python_version", lambda: "3.15.0rc1")
    [said] = find_requirements({}, (), web=()).warnings
    assert "Python 3.15.0rc1, which is not released yet" in said.message


def test_pins_are_added_with_the_extra_that_asks_for_them(site):
    install(site, "top", files=["top.py"], requires=["late; extra == 'excel'", "base"])
    install(site, "late", "2.0", ["late.py"], requires=["webby", "deep"])
    for name in ("base", "deep"):
        install(site, name)
    install(site, "webby", requires=["late; extra == 'any'"])
    before = pins(["top"], web=["webby"]).pins
    found = add_requirements(before, {"late": "loaded while the examples ran"})
    assert [(p.name, p.why, p.web) for p in found.pins if p not in before] == [
        ("deep", "via late", False),
        ("late", "loaded while the examples ran; top[excel]", False),
        ("webby", "web layer", False),
    ]


@pytest.mark.parametrize(
    ("version", "requires", "metadata", "warning"),
    [
        ("2.13.0+cpu", [], {}, r"thing 2\.13\.0\+cpu is a special build.*2\.13\.0"),
        ("1.0", ["gone>=3"], {}, "thing asks for gone>=3, which is not installed"),
        ("1.0", ["base>=3"], {}, r"thing asks for base>=3, but 1\.0 is installed"),
        ("1.0", ["base (>dev"], {}, "not a valid requirement"),
        (
            "1.0",
            [],
            {"direct_url.json": '{"url": "file:///tmp/thing.whl", "archive_info": {}}'},
            "installed from the file file:///tmp/thing.whl",
        ),
    ],
)
def test_doubts_are_said(site, version, requires, metadata, warning):
    install(site, "base")
    install(site, "thing", version, ["thing.py"], requires, **metadata)
    found = pins(["thing"])
    assert [p.version for p in found.pins if p.name == "thing"] == [version.partition("+")[0]]
    [said] = found.warnings
    assert re.search(warning, said.message)


def test_an_upgrade_behind_the_kernels_back_is_said(site, monkeypatch):
    install(site, "thing", "2.0", ["thing.py"])
    (site / "thing.py").write_text("__version__ = '1.0'")
    importlib.import_module("thing")
    [said] = pins(["thing"]).warnings
    monkeypatch.delitem(sys.modules, "thing")
    assert "runs thing 1.0, but thing 2.0 is installed" in said.message
    assert "restart the kernel" in said.hint


def test_a_real_environment_closes():
    found = find_requirements({"sklearn.svm.SVC": WHY, "joblib": WHY}, local=())
    by_name = {pin.name: pin for pin in found.pins}
    assert [p.name for p in found.pins] == sorted(by_name)
    assert {"scikit-learn", "numpy", "scipy", "threadpoolctl", "joblib"} <= set(by_name)
    assert {Requirement(text).name for text in WEB_LAYER} <= set(by_name)
    assert by_name["werkzeug"].web
    assert not by_name["numpy"].web
    assert not {"pytest", "ipython", "nb2service"} & set(by_name)
    assert by_name["scikit-learn"].why == WHY
