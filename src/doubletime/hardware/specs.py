"""Data sheets. Dense peaks, without sparsity; bandwidths in bytes a second and one way.

From NVIDIA's data sheets of each part; links and reserved memory as aiconfigurator (Apache-2.0) lists them. Prices are
an assumption: rough on-demand rates of 2025 for one device. They differ by provider, region and month; give your own.
"""

from __future__ import annotations

from doubletime.hardware.machine import Spec

GB, TERA = 10**9, 1e12
_RESERVED = 3_758_096_384  # context, library workspaces, captured graphs

_TABLE = (
    Spec(
        name="a100",
        flops={"float32": 19.5 * TERA, "bfloat16": 312 * TERA, "int8": 624 * TERA},
        bandwidth=2.039 * TERA,
        capacity=85_899_345_920,
        units=108,
        link=300 * GB,
        pcie=32 * GB,
        network=25 * GB,
        node=8,
        reserved=_RESERVED,
        watts=400,
        dollars_per_hour=1.6,
    ),
    Spec(
        name="h100",
        flops={"float32": 67 * TERA, "bfloat16": 989 * TERA, "int8": 1978 * TERA, "fp8": 1978 * TERA},
        bandwidth=3.35 * TERA,
        capacity=85_899_345_920,
        units=132,
        link=450 * GB,
        pcie=64 * GB,
        network=50 * GB,
        node=8,
        reserved=_RESERVED,
        watts=700,
        dollars_per_hour=2.7,
    ),
    Spec(
        name="h200",
        flops={"float32": 67 * TERA, "bfloat16": 989 * TERA, "int8": 1978 * TERA, "fp8": 1978 * TERA},
        bandwidth=4.8 * TERA,
        capacity=151_397_597_184,
        units=132,
        link=450 * GB,
        pcie=64 * GB,
        network=50 * GB,
        node=8,
        reserved=_RESERVED,
        watts=700,
        dollars_per_hour=3.5,
    ),
    Spec(
        name="b200",
        flops={
            "float32": 75 * TERA,
            "bfloat16": 2250 * TERA,
            "int8": 4500 * TERA,
            "fp8": 4500 * TERA,
            "nvfp4": 9000 * TERA,
        },
        bandwidth=7.7 * TERA,
        capacity=193_273_528_320,
        units=148,
        link=900 * GB,
        pcie=128 * GB,
        network=100 * GB,
        node=8,
        reserved=_RESERVED,
        watts=1000,
        dollars_per_hour=5.5,
    ),
    Spec(
        name="l40s",
        flops={"float32": 91.6 * TERA, "bfloat16": 362.05 * TERA, "int8": 733 * TERA, "fp8": 733 * TERA},
        bandwidth=0.864 * TERA,
        capacity=48_305_799_168,
        units=142,
        link=32 * GB,
        pcie=32 * GB,
        network=50 * GB,
        node=8,
        reserved=_RESERVED,
        watts=350,
        dollars_per_hour=1.0,
    ),
    Spec(
        name="rtx4090",
        flops={"float32": 82.6 * TERA, "bfloat16": 165.2 * TERA, "int8": 660.6 * TERA, "fp8": 330.3 * TERA},
        bandwidth=1.008 * TERA,
        capacity=25_250_627_584,
        units=128,
        link=32 * GB,
        pcie=32 * GB,
        network=12.5 * GB,
        node=8,
        reserved=1_000_000_000,
        watts=450,
        dollars_per_hour=0.45,
    ),
    Spec(
        name="rtxpro6000",
        flops={
            "float32": 125 * TERA,
            "bfloat16": 503.8 * TERA,
            "int8": 1007.6 * TERA,
            "fp8": 1007.6 * TERA,
            "nvfp4": 2015.2 * TERA,
        },
        bandwidth=1.792 * TERA,
        capacity=102_000_000_000,
        units=188,
        link=26 * GB,  # of PCIe 5: two such cards reach 16 GB/s (LLMServingSim's configuration of its node)
        pcie=64 * GB,
        network=50 * GB,
        node=8,
        reserved=_RESERVED,
        watts=600,
        dollars_per_hour=1.8,
    ),
)

SPECS = {spec.name: spec for spec in _TABLE}

# Whose measurements stand in where a machine has none of its own: the most alike first, by how well products carry
# over (docs/design/cost-model.md).
NEAREST = {
    "a100": ("h100", "h200", "l40s", "b200"),
    "h100": ("h200", "b200", "a100", "l40s"),
    "h200": ("h100", "b200", "a100", "l40s"),
    "b200": ("h200", "h100", "a100", "l40s"),
    "l40s": ("rtxpro6000", "rtx4090", "h100", "b200"),
    "rtx4090": ("rtxpro6000", "l40s", "h100", "b200"),
    "rtxpro6000": ("l40s", "rtx4090", "h100", "b200"),
}
