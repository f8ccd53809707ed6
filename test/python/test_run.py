"""Calling entries: kinds of arrays, conversions, results, refusals."""

import ctypes

import numpy as np
import pytest
from conftest import PEER, Case, assert_close
from oracle import storage

import peermla


def test_numpy_in_numpy_out(peer, peer_session, x):
    y = peer_session.forward(x)
    assert isinstance(y, np.ndarray)
    assert_close(y, peer.expect("forward", x=x)["y"])


def test_arguments_by_name_and_entries_as_items(peer_session, x):
    assert np.array_equal(peer_session["forward"](x=x), peer_session.forward(x))


def test_several_results_are_a_named_tuple(peer, peer_session, x):
    result = peer_session.retrieve(x)
    expected = peer.expect("retrieve", x=x)
    assert_close(result.scores, expected["scores"])
    assert result.indices.dtype == np.int32
    assert np.array_equal(result.indices, expected["indices"])


def test_a_caller_may_pass_results(peer_session, x):
    y = np.empty_like(x)
    assert peer_session.forward(x, y=y) is y
    assert np.array_equal(y, peer_session.forward(x))


def test_no_tokens_give_no_rows(peer_session):
    assert peer_session.forward(np.empty((0, 24), np.float32)).shape == (0, 24)


def test_inputs_that_are_not_contiguous_are_copied(peer_session, x):
    wide = np.zeros((7, 48), np.float32)
    wide[:, ::2] = x
    y = peer_session.forward(x)
    assert np.array_equal(peer_session.forward(wide[:, ::2]), y)
    assert np.array_equal(peer_session.forward(x[::-1]), y[::-1])
    assert np.array_equal(peer_session.forward(np.asfortranarray(x)), y)


def test_torch_in_torch_out(peer_session, x):
    torch = pytest.importorskip("torch")
    y = peer_session.forward(torch.from_numpy(x))
    assert isinstance(y, torch.Tensor)
    assert np.array_equal(y.numpy(), peer_session.forward(x))
    parameter = torch.nn.Parameter(torch.from_numpy(x.T.copy())).T
    assert torch.equal(peer_session.forward(parameter), y)
    scores, indices = peer_session.retrieve(torch.from_numpy(x))
    assert (scores.dtype, indices.dtype) == (torch.float32, torch.int32)


class OnlyDLPack:
    """An array of an unknown framework."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, stream=None):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_anything_with_dlpack_goes_in(peer_session, x):
    y = peer_session.forward(OnlyDLPack(x))
    assert isinstance(y, np.ndarray)
    assert np.array_equal(y, peer_session.forward(x))
    # Not contiguous, and beginning in the middle of an allocation.
    wide = np.zeros((9, 48), np.float32)
    wide[2:, 1::2] = x
    assert np.array_equal(peer_session.forward(OnlyDLPack(wide[2:, 1::2])), y)


def test_weights_from_a_folder_a_file_and_mixed_arrays(peer, peer_session, x, tmp_path):
    torch = pytest.importorskip("torch")
    y = peer_session.forward(x)
    storage.save_sharded(tmp_path, peer.tensors, 3)
    assert np.array_equal(peer.library.load(tmp_path).forward(x), y)
    file = tmp_path / "one.safetensors"
    storage.save(file, peer.tensors)
    assert np.array_equal(peer.library.load(str(file)).forward(x), y)
    mixed = {
        name: torch.from_numpy(array.copy()) if i % 2 else np.asfortranarray(array)
        for i, (name, array) in enumerate(peer.arrays.items())
    }
    assert np.array_equal(peer.library.load(mixed).forward(x), y)


def test_unused_weights_are_a_warning(peer):
    with pytest.warns(peermla.CompilerWarning, match="spare"):
        peer.library.load({**peer.arrays, "spare": np.zeros(3, np.float32)})


def test_missing_weights_are_named(peer):
    arrays = peer.arrays
    del arrays["sub_keys.1"]
    with pytest.raises(peermla.Error, match="sub_keys.1"):
        peer.library.load(arrays)


def test_weights_of_the_wrong_type_are_named(peer):
    arrays = peer.arrays
    arrays["sub_keys.1"] = arrays["sub_keys.1"].astype(np.float64)
    with pytest.raises(peermla.Error, match="sub_keys.1.*F32.*F64|sub_keys.1.*f32.*f64"):
        peer.library.load(arrays)
    arrays["sub_keys.1"] = arrays["sub_keys.1"].astype(np.complex64)
    with pytest.raises(peermla.ArgumentError, match="weight 'sub_keys.1' expects one of .* got c64"):
        peer.library.load(arrays)


def mla_step(new=(2, 3), past=(3, 0)):
    """Arguments of `step` for two sequences in pages of four rows."""
    rng = np.random.default_rng(11)
    return {
        "x": rng.standard_normal((sum(new), 24)).astype(np.float32),
        "cu_seqlens": np.cumsum([0, *new]).astype(np.int32),
        "past_lens": np.array(past, np.int32),
        "cache": rng.standard_normal((5, 4, 20)).astype(np.float32),
        "block_table": np.array([[4, 1], [2, 0]], np.int32),
    }


def test_ragged_sequences(mla, mla_session, x):
    cu_seqlens = np.array([0, 3, 3, 7], np.int32)
    expected = mla.expect("forward", x=x, cu_seqlens=cu_seqlens)["y"]
    assert_close(mla_session.forward(x, cu_seqlens), expected)


def test_a_cache_is_updated_in_place(mla, mla_session):
    inputs = mla_step()
    expected = mla.expect("step", **inputs)
    y = mla_session.step(**inputs)
    assert_close(y, expected["y"])
    assert_close(inputs["cache"], expected["cache"])


def test_a_cache_of_torch_is_updated_in_place(mla, mla_session):
    torch = pytest.importorskip("torch")
    inputs = mla_step()
    expected = mla.expect("step", **inputs)
    tensors = {name: torch.from_numpy(value.copy()) for name, value in inputs.items()}
    assert_close(mla_session.step(**tensors), expected["y"])
    assert_close(tensors["cache"], expected["cache"])


@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint8, np.uint64])
def test_integers_are_converted(mla_session, x, dtype):
    cu_seqlens = np.array([0, 3, 7])
    y = mla_session.forward(x, cu_seqlens.astype(np.int32))
    assert np.array_equal(mla_session.forward(x, cu_seqlens.astype(dtype)), y)


def test_integers_of_torch_and_sequences_are_converted(mla_session, x):
    y = mla_session.forward(x, np.array([0, 3, 7], np.int32))
    assert np.array_equal(mla_session.forward(x, [0, 3, 7]), y)
    assert np.array_equal(mla_session.forward(x, (0, 3, 7)), y)
    torch = pytest.importorskip("torch")
    assert np.array_equal(mla_session.forward(x, torch.tensor([0, 3, 7])), y)
    strided = torch.tensor([0, 9, 3, 9, 7])[::2]
    assert np.array_equal(mla_session.forward(x, strided), y)


def test_an_integer_that_does_not_fit_is_named(mla_session, x):
    message = r"'cu_seqlens' expects integers in \[-2147483648, 2147483647\], got 2147483648 in i64"
    with pytest.raises(peermla.ArgumentError, match=message):
        mla_session.forward(x, np.array([0, 2**31]))
    with pytest.raises(ValueError, match="got -2147483649 in i64"):
        mla_session.forward(x, np.array([-(2**31) - 1, 7]))


def test_an_index_out_of_range_is_refused(mla_session, x):
    with pytest.raises(peermla.ArgumentError, match="cu_seqlens"):
        mla_session.forward(x, [0, 8])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((3, 24)), r"argument 'x' expects type f32, got f64"),
        (np.zeros((3, 24), np.int64), r"argument 'x' expects type f32, got i64"),
        (np.zeros((3, 25), np.float32), r"argument 'x' expects .*24.*got \[3, 25\]"),
        (np.zeros(24, np.float32), r"argument 'x' expects .*got \[24\]"),
        (np.zeros((3, 24), ">f4"), r"argument 'x' expects numbers in native order, got >f4"),
        (np.zeros((3, 24), object), r"argument 'x' expects numbers .*got object"),
        ("text", r"argument 'x' expects an array with __dlpack__ .* got str"),
        (None, r"argument 'x' expects an array with __dlpack__ .* got NoneType"),
    ],
)
def test_a_wrong_array_is_refused(peer_session, value, message):
    with pytest.raises(peermla.ArgumentError, match=message):
        peer_session.forward(value)


def test_symbols_must_agree(mla_session):
    inputs = mla_step()
    inputs["past_lens"] = np.zeros(3, np.int32)
    with pytest.raises(peermla.ArgumentError, match="'past_lens' expects B"):
        mla_session.step(**inputs)


def test_a_wrong_cu_seqlens_of_rank_0_is_refused(mla_session, x):
    with pytest.raises(peermla.ArgumentError, match="'cu_seqlens' expects"):
        mla_session.forward(x, 7)
    with pytest.raises(peermla.ArgumentError, match="'cu_seqlens' expects"):
        mla_session.forward(x, [])


def test_a_cache_that_cannot_be_updated_is_refused(mla_session):
    inputs = mla_step()
    cache = inputs.pop("cache")
    frozen = cache.copy()
    frozen.flags.writeable = False
    with pytest.raises(peermla.ArgumentError, match="'cache' expects .* got a read-only one"):
        mla_session.step(cache=frozen, **inputs)
    with pytest.raises(peermla.ArgumentError, match="'cache' expects .*contiguous"):
        mla_session.step(cache=np.zeros((5, 4, 40), np.float32)[:, :, ::2], **inputs)
    with pytest.raises(peermla.ArgumentError, match="'cache' expects an array to write to"):
        mla_session.step(cache=cache.tolist(), **inputs)


def test_wrong_names_are_refused(peer_session, x):
    with pytest.raises(peermla.ArgumentError, match="expects x, got no x"):
        peer_session.forward()
    with pytest.raises(peermla.ArgumentError, match="expects x, got the unknown 'z'"):
        peer_session.forward(x, z=x)
    with pytest.raises(peermla.ArgumentError, match="expects x, got 'x' twice"):
        peer_session.forward(x, x=x)
    with pytest.raises(peermla.ArgumentError, match="expects x, got 2 arguments by position"):
        peer_session.forward(x, x)
    with pytest.raises(peermla.ArgumentError, match="no entry 'backward', only forward"):
        peer_session["backward"]
    with pytest.raises(AttributeError, match="'backward'"):
        peer_session.backward


@pytest.fixture(scope="module")
def narrow():
    return Case({**PEER, "torch_dtype": "bfloat16"})


def test_bf16_of_torch(narrow, x):
    torch = pytest.importorskip("torch")
    weights = {n: torch.from_numpy(v).to(torch.bfloat16) for n, v in narrow.arrays.items()}
    session = narrow.library.load(weights)
    tensor = torch.from_numpy(x).to(torch.bfloat16)
    y = session.forward(tensor)
    assert y.dtype == torch.bfloat16
    expected = narrow.expect("forward", x=tensor.double().numpy())["y"]
    assert_close(y.double(), expected, 2e-2)
    wide = torch.zeros(7, 48, dtype=torch.bfloat16)
    wide[:, ::2] = tensor
    assert torch.equal(session.forward(wide[:, ::2]), y)
    with pytest.raises(peermla.ArgumentError, match="expects type bf16, got f16"):
        session.forward(tensor.half())


def test_bf16_of_numpy(narrow, x):
    try:
        import ml_dtypes
    except ImportError:
        torch = pytest.importorskip("torch")
        weights = {n: torch.from_numpy(v).to(torch.bfloat16) for n, v in narrow.arrays.items()}
        with pytest.raises(peermla.ArgumentError, match="'y' is bf16.* ml_dtypes"):
            narrow.library.load(weights).forward(OnlyDLPack(torch.from_numpy(x).bfloat16()))
        return
    weights = {n: v.astype(ml_dtypes.bfloat16) for n, v in narrow.arrays.items()}
    y = narrow.library.load(weights).forward(x.astype(ml_dtypes.bfloat16))
    assert y.dtype == ml_dtypes.bfloat16


def test_the_workspace_is_known_before_a_call(mla_session):
    small = mla_session.workspace_size("forward", T=8, B=1)
    assert small <= mla_session.workspace_size("forward", T=64, B=1)
    with pytest.raises(peermla.ArgumentError, match="expects values of T, B, got T"):
        mla_session.workspace_size("forward", T=8)


def test_a_closed_session_is_refused(peer, x):
    with peer.library.load(peer.arrays) as session:
        forward = session.forward
        forward(x)
    with pytest.raises(peermla.ArgumentError, match="expected an open session"):
        forward(x)
    with pytest.raises(peermla.ArgumentError, match="expected an open session"):
        session.describe()


def test_the_interface_of_c_is_mirrored():
    from peermla import _abi

    assert ctypes.sizeof(_abi.DLTensor) == 48
    assert ctypes.sizeof(_abi.SessionOptions) == 64


def test_session_on_a_device_the_library_lacks(peer):
    with pytest.raises(peermla.Error, match="device 'sim' is not built into this library"):
        peer.library.load(peer.arrays, device="sim")
