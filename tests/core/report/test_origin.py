"""Origin of a result."""

import hashlib

from sciformer.report import origin as file
from sciformer.report.origin import data_hashes, origin, remember


def test_the_command_is_the_one_typed_and_holds_no_secret():
    remember(["xval", "fit", "--data.shards", "s3://me:secret@host/a b"])
    facts = origin()
    assert facts["command"] == "xval fit --data.shards 's3://***@host/a b'"
    assert {"date", "host", "cpu"} <= facts.keys()


def test_a_checkout_has_a_commit_and_an_installed_package_none(tmp_path, monkeypatch):
    file._commit.cache_clear()
    monkeypatch.setattr(file, "__file__", str(tmp_path / "origin.py"))
    assert file._commit() == ""
    file._commit.cache_clear()


def test_a_name_is_not_taken_for_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "a").touch()
    assert data_hashes({"split": "test"}) == {}


def test_files_are_named_with_the_hash_of_their_content(tmp_path):
    one = tmp_path / "a.csv"
    one.write_text("1,2")
    whole = hashlib.sha256(b"1,2").hexdigest()
    settings = {"files": [{"path": str(one), "name": "not a file"}], "seed": 3}
    assert data_hashes(settings) == {str(one): f"sha256 {whole[:16]}"}
    (tmp_path / "b.csv").write_text("3")
    (said,) = data_hashes(str(tmp_path / "*.csv")).values()
    assert said.startswith("2 files, sha256 of their hashes ")
    assert data_hashes(str(tmp_path)) == {str(tmp_path): said}
    (tmp_path / "index.json").write_text("{}")
    assert data_hashes(str(tmp_path))[str(tmp_path)].startswith("sha256 ")
    assert data_hashes(["s3://host/x", "", None, "/\0", str(tmp_path / "no.csv")]) == {}


def test_a_large_file_is_known_by_its_size_and_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "WHOLE", 8)
    monkeypatch.setattr(file, "EDGE", 2)
    path = tmp_path / "large"
    hashes = []
    for content in (b"ab......yz", b"ab.....xyz", b"ab......y_", b"ab.......yz"):
        path.write_bytes(content)
        hashes.append(data_hashes(str(path))[str(path)])
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
