"""synth.assets.formats: MakeHuman's files are read with the traps that real ones hold."""

import gzip

import numpy as np
import pytest

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.synth.assets.formats import read_mhclo, read_obj, read_target


def test_a_target_without_leading_zeros_is_read(tmp_path):
    path = tmp_path / "a.target"
    path.write_text("# a comment\n7 .5 -.25 0\n9 1 2 3\n")
    index, move = read_target(path)
    assert index.tolist() == [7, 9]
    assert move.tolist() == [[0.5, -0.25, 0.0], [1.0, 2.0, 3.0]]


def test_a_target_with_no_rows_moves_nothing(tmp_path):
    path = tmp_path / "universal-male-young-averagemuscle-averageweight.target"
    path.write_text("# only words\n")
    index, move = read_target(path)
    assert index.shape == (0,)
    assert move.shape == (0, 3)


def test_a_packed_target_is_found_by_its_plain_name(tmp_path):
    (tmp_path / "a.target.gz").write_bytes(gzip.compress(b"3 0 1 0\n"))
    index, _ = read_target(tmp_path / "a.target")
    assert index.tolist() == [3]


def test_half_a_packed_target_is_named(tmp_path):
    whole = gzip.compress(b"3 0 1 0\n" * 500)
    (tmp_path / "a.target.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.target.*copy the asset folder again"):
        read_target(tmp_path / "a.target")


def test_a_target_that_ends_within_a_row_is_named(tmp_path):
    (tmp_path / "a.target").write_text("3 0 1 0\n4 0 1")
    with pytest.raises(DataError, match="copy the asset folder again"):
        read_target(tmp_path / "a.target")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingError, match=r"gone\.target"):
        read_target(tmp_path / "gone.target")


def test_keys_between_verts_and_the_rows_of_a_fit_are_skipped(tmp_path):
    path = tmp_path / "braid.mhclo"
    rows = " 5\n1 2 3 .5 .25 .25 0 .1 -.2\nweights\n8 9 10 1 0 0 0 0 0\n"
    path.write_text(f"x_scale 1 2 0.5\nverts 0\ntag long\nmaterial a.mhmat\n{rows}")
    fit = read_mhclo(path)
    assert fit.index.tolist() == [[5, 5, 5], [1, 2, 3]]  # a lone number is a copy; what follows `weights` is no row
    assert fit.weights[0].tolist() == [1, 0, 0]
    assert np.allclose(fit.offset[1], [0, 0.1, -0.2])
    assert fit.scale[0] == (1, 2, 0.5)


def test_quads_become_two_triangles_that_share_a_diagonal(tmp_path):
    path = tmp_path / "q.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 1\ng body\nf 1/1 2/2 3/2 4/1\n")
    mesh = read_obj(path)
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.faces_uv.tolist() == [[0, 1, 1], [0, 1, 0]]
    assert mesh.group_names[mesh.group[0]] == "body"


def test_a_mesh_cut_off_before_its_vertices_end_is_named(tmp_path):
    (tmp_path / "q.obj").write_text("v 0 0 0\nf 1 2 3\n")
    with pytest.raises(DataError, match=r"q\.obj"):
        read_obj(tmp_path / "q.obj")
