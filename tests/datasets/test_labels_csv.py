"""Labels out of a CSV file."""

import pytest

from featbench.datasets.labels_csv import list_csv
from featbench.errors import DataError


def listed(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "labels.csv"
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return list_csv(path, tmp_path / "pics")


def test_all_columns_in_any_order(tmp_path):
    listing = listed(tmp_path, "Group,label,SPLIT,file\np1,cat,train,a/1.png\n\np2,fox,test,2.png\n")
    first, second = listing.entries
    assert (first.path, first.label, first.part, first.group) == (
        tmp_path / "pics/a/1.png",
        "cat",
        "train",
        "p1",
    )
    assert (second.label, second.part, second.group) == ("fox", "test", "p2")
    assert listing.notes == []


def test_labels_are_text(tmp_path):
    labels = ["1", "01", "1.0", "true", "null", " spaced ", '"a, b"', "=cmd()", "日本"]
    listing = listed(
        tmp_path, "file,label\n" + "".join(f"{n}.png,{label}\n" for n, label in enumerate(labels))
    )
    assert [entry.label for entry in listing.entries] == [
        "1",
        "01",
        "1.0",
        "true",
        "null",
        "spaced",
        "a, b",
        "=cmd()",
        "日本",
    ]
    assert listing.entries[0].part is listing.entries[0].group is None


def test_as_a_spreadsheet_writes_it(tmp_path):
    listing = listed(tmp_path, "file,label,notes\r\n1.png,cat,\r\n2.png,fox,x\r\n", encoding="utf-8-sig")
    assert [entry.label for entry in listing.entries] == ["cat", "fox"]
    assert listing.notes == ["columns of the CSV that mean nothing here: notes"]


BAD = {
    "no header": ("1.png,cat\n", r"labels.csv: a column 'file' must be in the first line; got 1.png, cat. Begin with the line: file,label"),
    "another name": ("filename,label\n1.png,cat\n", "got filename, label. Rename 'filename' to 'file'."),
    "semicolons": ("file;label\n1.png;cat\n", "Separate the columns with commas."),
    "a column twice": ("file,label,label\n1.png,a,b\n", "the column 'label' must be there once; got twice"),
    "empty": ("", "got an empty file"),
    "no rows": ("file,label\n", "csv must be at least one line of file and label; got a header alone"),
    "no label": ("file,label\n1.png,\n", "labels.csv:2: label must be some text; got nothing. Fill it in, in every line, or drop the line."),
    "a short line": ("file,label\n1.png\n", "labels.csv:2: label must be some text"),
    "no split": ("file,label,split\n1.png,a,train\n2.png,b,\n", "labels.csv:3: split must be some text; got nothing.*or the column"),
    "another split": ("file,label,split\n1.png,a,val\n", "labels.csv:2: split must be train or test; got 'val'. Validation images are drawn"),
    "a long line": ("file,label\na,b.png,cat\n", "labels.csv:2: values must be 2, as columns are; got 3. Put a value with commas into quotation marks"),
    "a path that climbs": ("file,label\n../../x,cat\n", "labels.csv:2: file must be a path inside the folder `root`; got '../../x'. Name files relative to .*pics, and keep them under it"),
    "a path that climbs inside": ("file,label\na/../../x,cat\n", "file must be a path inside"),
    "an absolute path": ("file,label\n/etc/passwd,cat\n", "file must be a path inside the folder `root`; got '/etc/passwd'"),
    "a path with NUL": ("file,label\na\0b,cat\n", "file must be a path inside|NUL"),
    "a file twice": ("file,label\n1.png,cat\n./1.png,fox\n", "labels.csv:3: file must be named once; got './1.png' in line 2 too. Remove one"),
    "an open quote": ('file,label\n"1.png,cat\n', "csv must be a CSV file that can be read; got unexpected end of data. Save the table as CSV"),
    "another encoding": ("file,label\n1.png,caf\xe9\n".encode("latin-1"), "got 'utf-8' codec can't decode byte 0xe9.*UTF-8"),
    "a huge field": ("file,label\n1.png," + "x" * 200_000, "field larger than field limit"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_is_wrong_is_named_with_its_line(tmp_path, fault):
    content, message = BAD[fault]
    with pytest.raises(DataError, match=message):
        listed(tmp_path, content)


def test_not_there(tmp_path):
    with pytest.raises(
        DataError,
        match="nowhere.csv: csv must be a CSV file that can be read; got No such file.*starts at the working folder",
    ):
        list_csv(tmp_path / "nowhere.csv", tmp_path)
