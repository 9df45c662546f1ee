"""What a network's file says about its data."""

import h5py
import pytest

from runs.deploy.encoding import Encoding, read_encoding, write_encoding


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(input="events", steps=300),
        Encoding(input="latency", steps=76, window=0.1, published_dt=0.004, decision="first", limit=30),
    ],
)
def test_an_encoding_is_read_as_it_was_written_and_replaces_another(tmp_path, encoding):
    path = tmp_path / "network.net"
    with h5py.File(path, "w") as file:
        file["layer"] = 1
    assert read_encoding(path) is None
    write_encoding(path, Encoding(input="latency", steps=5, window=0.2, limit=3))
    write_encoding(path, encoding)
    assert read_encoding(path) == encoding
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.net"]


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"input_encoding": "radar", "input_steps": 3}, "input is 'radar': it must be one of events, latency"),
        ({"input_encoding": "events", "input_steps": 0}, "steps is 0: a sample lasts 1 step or more"),
        ({"input_encoding": "latency", "input_steps": 3}, "latencies need one above 0 seconds"),
        ({"input_encoding": "events", "input_steps": "many"}, "input_steps = 'many', where one int is needed"),
        ({"input_encoding": "events", "input_steps": [3, 4]}, "where one int is needed"),
        ({"input_encoding": "events", "input_steps": 3, "output_limit": 0}, "limit is 0: it must be above 0"),
    ],
)
def test_attributes_that_make_no_sense_are_refused_by_the_files_name(tmp_path, attributes, sentence):
    path = tmp_path / "network.net"
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
    with pytest.raises(ValueError, match=r"network\.net") as error:
        read_encoding(path)
    assert sentence in str(error.value)
