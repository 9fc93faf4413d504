import pytest

from taxiway.runtime import output
from taxiway.runtime.output import HEAD, MOST, SEGMENT, TAIL


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "output"


def test_nothing_printed_reads_as_nothing(folder):
    assert output.read(folder, 0) == ("", 0)


def test_reading_goes_on_where_it_stopped(folder):
    writer = output.Writer(folder)
    writer.write(b"one\n")
    said, offset = output.read(folder, 0)
    writer.write(b"two\n")
    assert (said, output.read(folder, offset)) == ("one\n", ("two\n", 8))


def test_a_character_that_is_not_whole_yet_waits_for_the_next_reading(folder):
    writer, plane = output.Writer(folder), "✈".encode()
    writer.write(b"a" + plane[:2])
    assert output.read(folder, 0) == ("a", 1)
    writer.write(plane[2:])
    assert output.read(folder, 1) == ("✈", 4)


def test_a_character_across_two_files_is_one_character(folder):
    writer = output.Writer(folder)
    writer.write(b"." * (SEGMENT - 1) + "✈".encode())
    assert output.read(folder, SEGMENT - 2) == (".✈", SEGMENT + 2)


def test_one_reading_gives_at_most_so_much(folder):
    output.Writer(folder).write(b"." * (SEGMENT + 10))
    assert output.read(folder, 0) == ("." * MOST, MOST)


@pytest.mark.parametrize("piece", [1 << 20, 700_001])
def test_of_endless_output_the_beginning_and_the_end_are_kept(folder, piece):
    writer, total = output.Writer(folder), 20 * SEGMENT
    data = b"".join(b"%015d\n" % number for number in range(total // 16))
    for start in range(0, total, piece):
        writer.write(data[start : start + piece])
    assert sum(each.end - each.start for each in output.segments(folder)) <= (HEAD + TAIL) * SEGMENT
    assert output.read(folder, HEAD * SEGMENT - 16)[0] == f"{HEAD * SEGMENT // 16 - 1:015}\n"
    said, offset = output.read(folder, HEAD * SEGMENT)
    missing = (20 - HEAD - TAIL) * SEGMENT
    assert said.startswith(f"… {missing:,} bytes of output were left out here …\n{(20 - TAIL) * SEGMENT // 16:015}\n")
    assert offset == (20 - TAIL) * SEGMENT + MOST
    assert output.read(folder, total - 16) == (f"{total // 16 - 1:015}\n", total)


def test_an_offset_behind_the_end_stays(folder):
    output.Writer(folder).write(b"one")
    assert output.read(folder, 99) == ("", 99)


def test_a_folder_that_cannot_be_written_costs_the_output_only(tmp_path):
    (tmp_path / "output").touch()
    writer = output.Writer(tmp_path / "output")
    writer.write(b"one")
    assert writer.size == 3
