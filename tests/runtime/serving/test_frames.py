import socket
import threading

from hypothesis import given
from hypothesis import strategies as st

from taxiway.runtime.serving import frames
from taxiway.runtime.serving.frames import Ask, Batch, Frames, Told

SOME, BODIES = st.integers(0, 99), st.binary(max_size=300)
ASKS = st.lists(st.builds(Ask, st.integers(0, 1), st.integers(0, 2**31), BODIES, BODIES, SOME), max_size=8)
TOLD = st.lists(st.builds(Told, st.integers(200, 599), SOME, SOME, BODIES), max_size=8)
COUNTS = st.dictionaries(st.integers(0, 65535), st.integers(0, 2**31), max_size=5)
BATCHES = st.builds(Batch, TOLD, st.floats(0, 1e6), SOME, SOME, COUNTS, COUNTS)


def only(data):
    (frame,) = Frames().feed(data)
    return frame


@given(ASKS)
def test_any_batch_of_requests_comes_through(asks):
    assert frames.unpack_asks(only(b"".join(frames.pack_asks(asks)))) == asks


@given(BATCHES)
def test_any_batch_of_responses_comes_through(batch):
    assert frames.unpack_batch(only(frames.pack_batch(batch))) == batch


@given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(1, 20), min_size=1))
def test_frames_are_whole_however_the_stream_is_cut(messages, cuts):
    stream, found, reader = b"".join(frames.pack_bytes(one) for one in messages), [], Frames()
    while stream:
        size = cuts[len(stream) % len(cuts)]
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == messages


def test_a_large_frame_comes_through_a_pipe_and_the_end_of_it_is_told():
    ours, theirs = socket.socketpair()
    data = bytes(range(256)) * 40_000
    with ours, theirs:
        sender = threading.Thread(target=lambda: (ours.sendall(frames.pack_bytes(data)), ours.shutdown(socket.SHUT_WR)))
        sender.start()
        assert frames.receive(theirs) == data
        assert frames.receive(theirs) is None
        sender.join()


def test_a_frame_that_ends_early_is_no_frame():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(frames.pack_bytes(b"x" * 100)[:50])
        ours.shutdown(socket.SHUT_WR)
        assert frames.receive(theirs) is None
