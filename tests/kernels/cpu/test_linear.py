"""Native linear layers: right against float64, and the same bits for a row whatever it shares a product with."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import set_threads
from doubletime.kernels.cpu.pack import pack
from doubletime.kernels.reference import rms_norm
from tests.kernels.cpu.matrices import (
    FORMS,
    Form,
    Store,
    distance,
    product,
    product_into,
    random_matrix,
    values,
)

SHAPES = [(1, 1), (16, 64), (45, 97), (100, 256), (33, 640)]
BATCHES = [1, 2, 3, 5, 8, 13, 64]
each_form = pytest.mark.parametrize("form", FORMS, ids=str)


def activations(rows: int, columns: int, seed: int = 7) -> Tensor:
    """Rows of very different sizes."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=draw) * torch.randn(rows, 1, generator=draw).exp()


def fitted(form: Form, columns: int) -> int:
    return -(-columns // form.step) * form.step


def exact(matrix: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x.double(), matrix.double(), None if bias is None else bias.double())


@each_form
@pytest.mark.parametrize(("count", "columns"), SHAPES)
def test_product(level: str, form: Form, count: int, columns: int) -> None:
    columns = fitted(form, columns)
    matrix = random_matrix(form, count, columns)
    x = activations(7, columns)
    error = product(pack(matrix), x) - exact(values(matrix), x)
    # A sum may cancel: an error is measured by the size of what is summed up.
    size = F.linear(x.double().square(), values(matrix).double().square()).sqrt()
    assert error.norm() < form.tolerance(level) * size.norm()


@each_form
@pytest.mark.usefixtures("level")
def test_a_row_is_the_same_bits_in_every_batch(form: Form) -> None:
    columns = fitted(form, 1100)
    packed = pack(random_matrix(form, 150, columns), torch.randn(150))
    x = activations(300, columns)
    set_threads(1)
    alone = torch.cat([product(packed, x[row : row + 1]) for row in range(300)])
    for threads in (1, 2):
        set_threads(threads)
        assert torch.equal(product(packed, x), alone)
        for rows in BATCHES:
            assert torch.equal(product(packed, x[100 : 100 + rows]), alone[100 : 100 + rows])


@each_form
@pytest.mark.usefixtures("level")
def test_a_column_is_the_same_bits_in_every_matrix(form: Form) -> None:
    """However many rows the matrix has, and so however it is cut into pieces."""
    columns = fitted(form, 200)
    matrix = random_matrix(form, 1500, columns)
    x = activations(20, columns)
    whole = product(pack(matrix), x)
    for first, last in ((0, 1), (0, 32), (64, 1500)):
        rows = slice(first, last)
        part = matrix[rows] if isinstance(matrix, Tensor) else matrix.rows(rows)
        assert torch.equal(product(pack(part), x), whole[:, rows])


@each_form
@pytest.mark.parametrize("rows", [1, 6, 100])
def test_bias_residual_and_distant_rows(level: str, form: Form, rows: int) -> None:
    columns = fitted(form, 97)
    matrix, bias = random_matrix(form, 70, columns), torch.randn(70)
    packed = pack(matrix, bias)
    x = activations(rows, columns + 11)[:, :columns]
    residual = torch.randn(rows, 80)
    got = product_into(residual.clone()[:, :70], packed, x, Store.ADD)
    assert torch.equal(got, residual[:, :70] + product(packed, x))
    bare = product(packed, x) - bias
    assert distance(bare, exact(values(matrix), x)) < form.tolerance(level) + 1e-6


@each_form
@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("rows", [1, 6, 100])
def test_gated_is_activation_of_a_tile_times_the_next(form: Form, rows: int) -> None:
    packed = pack(random_matrix(form, 96, fitted(form, 128)))
    x = activations(rows, fitted(form, 128))
    gate, up = product(packed, x).view(rows, -1, 2, 16).unbind(2)
    got = product_into(torch.full((rows, 48), torch.nan), packed, x, Store.GATED)
    torch.testing.assert_close(got, (F.silu(gate) * up).reshape(rows, -1), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("rows", [1, 4, 5, 70])
def test_rows_are_normed_first(rows: int) -> None:
    weight = torch.rand(300) + 0.5
    packed = pack(random_matrix(Form("f32"), 40, 300))
    x = activations(rows, 300)
    norm = abi.Norm(weight=weight.data_ptr(), eps=1e-5)
    got = product(packed, x, norm)
    torch.testing.assert_close(got, product(packed, rms_norm(x, weight, 1e-5)), rtol=2e-5, atol=2e-5)
    assert torch.equal(product(packed, x, abi.Norm()), product(packed, x))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("form", [Form("q8"), Form("q4"), Form("q8", 0)], ids=str)
def test_the_largest_codes_and_activations_do_not_saturate(form: Form) -> None:
    matrix = random_matrix(form, 16, 256)
    assert not isinstance(matrix, Tensor)
    for code in (0, 255):
        matrix.codes.fill_(code)
        for sign in (1.0, -1.0):
            x = torch.full((3, 256), sign)
            torch.testing.assert_close(product(pack(matrix), x), F.linear(x, values(matrix)), rtol=1e-5, atol=1e-5)


@each_form
@pytest.mark.usefixtures("level")
def test_rows_of_zeros_and_denormals(form: Form) -> None:
    columns = fitted(form, 64)
    packed = pack(random_matrix(form, 20, columns))
    x = torch.zeros(2, columns)
    x[1] = 1e-41
    got = product(packed, x)
    assert torch.equal(got[0], torch.zeros(20))
    assert got[1].abs().max() < 1e-38
