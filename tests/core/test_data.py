from taxiway.core.data import DataObject


def test_an_object_lies_where_it_is_named_unless_it_is_stored_elsewhere():
    named = DataObject(path="a.csv", size_bytes=1, checksum="etag:x")
    assert named.place == "a.csv"
    assert DataObject(path="a.csv", size_bytes=1, checksum="etag:x", stored="md5/aa/b").place == "md5/aa/b"
