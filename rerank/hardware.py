"""Which device and which precision pay on this machine."""

from __future__ import annotations

from typing import Literal

import torch

from rerank.errors import InputError

Precision = Literal["auto", "fp32", "bf16"]


def choose_device(device: str | None) -> torch.device:
    """``device``, or the GPU where there is one, else the CPU."""
    if device is None or device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        if chosen.type == "cuda" and not torch.cuda.is_available():
            raise InputError(f"device {device!r}: no CUDA device is available here; use 'cpu' or 'auto'")
        return chosen
    except RuntimeError as error:
        raise InputError(f"device {device!r} is not known to torch; use 'cpu', 'cuda' or 'auto'") from error


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 runs in hardware: a CUDA device with it, or a CPU with AMX or AVX512-BF16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type of weights and activations for ``precision``."""
    if precision == "fp32":
        return torch.float32
    if precision == "bf16":
        return torch.bfloat16
    if precision == "auto":
        return torch.bfloat16 if has_fast_bf16(device) else torch.float32
    raise InputError(f"precision {precision!r} is not one of 'auto', 'fp32', 'bf16'")


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed for the next tensor, for the whole process; False where there is none.

    A forward pass frees and takes the same large buffers over and over. By default glibc gives each
    back to the system and has it zeroed again on return, which costs a fifth of a large model's time.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, mmap_threshold, most = -1, -3, 2**31 - 1
    return bool(mallopt(trim_threshold, most) and mallopt(mmap_threshold, most))
