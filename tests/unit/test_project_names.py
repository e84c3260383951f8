import sys

import pytest

from nb2service.errors import UsageError
from nb2service.project.names import project_folder, project_name


@pytest.mark.parametrize(
    ("text", "name", "package"),
    [
        ("Customer churn!", "customer-churn", "customer_churn_service"),
        ("churn", "churn", "churn_service"),
        ("churn_service", "churn", "churn_service"),
        ("01-train", "train", "train_service"),
        ("Österreich: Prognose für 2024", "osterreich-prognose-fur-2024", None),
        ("it's $(touch x) `a\"b`\n-->", "its-touch-x-a-b", None),
        ("service", "service", "service_service"),
        ("a" * 60, "a" * 40, None),
        ("Predicting the churn of all customers in retail", None, None),
    ],
)
def test_a_name_is_made_of_any_text(text, name, package):
    got_name, got_package = project_name(text)
    assert got_name == (name or got_name)
    assert got_package == (package or got_name.replace("-", "_") + "_service")
    assert len(got_name) <= 40
    assert got_package.isidentifier()
    assert project_name(got_name) == (got_name, got_package)
    assert project_folder(got_name) == got_name + "-service"


def test_a_long_title_is_cut_between_words():
    name, _ = project_name("Predicting the churn of all customers in retail")
    assert name == "predicting-the-churn-of-all-customers-in"


@pytest.mark.parametrize("text", ["", "预测", "2024", "3d-models", "!!!"])
def test_what_cannot_be_a_name_is_refused(text):
    with pytest.raises(UsageError, match="no service can be called") as error:
        project_name(text)
    assert "--name" in error.value.hint


def test_a_package_may_not_hide_an_installed_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "churn_service").mkdir()
    (tmp_path / "churn_service" / "__init__.py").write_text("")
    with pytest.raises(UsageError, match="hide an installed module"):
        project_name("churn")
    (tmp_path / "churn_service" / "contract.json").write_text("{}")  # an earlier build
    assert project_name("churn") == ("churn", "churn_service")
