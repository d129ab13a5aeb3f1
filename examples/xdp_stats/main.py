"""Count packets and bytes per IP protocol on a network interface, before the stack sees them.

sudo python examples/xdp_stats/main.py eth0
sudo python examples/xdp_stats/main.py lo --interval 0.5 --count 10
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable

from xdp_stats_bpf import Traffic, XdpStats

from bpf2py.runtime import XDPMode

#: Slots up to 255 are IP protocol numbers; those above are `enum slot` of xdp_stats.bpf.c.
NAMES = {
    1: "ICMP",
    2: "IGMP",
    6: "TCP",
    17: "UDP",
    47: "GRE",
    50: "ESP",
    58: "ICMPv6",
    132: "SCTP",
    256: "ARP",
    257: "not IP",
    258: "cut short",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count packets per protocol on an interface.")
    parser.add_argument("interface", help="what to watch, as `ip link` calls it")
    parser.add_argument(
        "--mode",
        choices=[mode.name.lower() for mode in XDPMode],
        default="auto",
        help="native needs a driver that can do it, generic works everywhere",
    )
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--count", type=int, default=-1, help="stop after that many reports")
    return parser.parse_args()


def total(per_cpu: Iterable[Traffic]) -> Traffic:
    """Every CPU counts for itself, without locks; the sum is made when somebody asks."""
    result = Traffic()
    for part in per_cpu:
        result.packets += part.packets
        result.bytes += part.bytes
        result.tagged += part.tagged
    return result


def report(stats: XdpStats, before: dict[int, Traffic], seconds: float) -> dict[int, Traffic]:
    now = {slot: total(per_cpu) for slot, per_cpu in stats.maps.traffic.items()}
    print(f"{'PROTOCOL':<12} {'PACKETS':>10} {'BYTES':>12} {'VLAN':>8} {'PKT/S':>9} {'KBIT/S':>9}")
    for slot, traffic in now.items():
        if traffic.packets:
            old = before.get(slot, Traffic())
            packets = (traffic.packets - old.packets) / seconds
            kbits = (traffic.bytes - old.bytes) * 8 / 1000 / seconds
            print(
                f"{NAMES.get(slot, f'protocol {slot}'):<12} {traffic.packets:>10} "
                f"{traffic.bytes:>12} {traffic.tagged:>8} {packets:>9.0f} {kbits:>9.1f}"
            )
    print(flush=True)
    return now


def main() -> int:
    options = arguments()
    mode = XDPMode[options.mode.upper()]
    before: dict[int, Traffic] = {}
    try:
        with (
            XdpStats.spec().load() as stats,
            stats.programs.count.attach(options.interface, mode=mode),
        ):
            print(f"counting on {options.interface}; Ctrl-C to stop", flush=True)
            reported = time.monotonic()
            while options.count:
                time.sleep(options.interval)
                seconds, reported = time.monotonic() - reported, time.monotonic()
                before = report(stats, before, seconds)
                options.count -= 1
    except KeyboardInterrupt:
        pass
    except OSError as error:  # no rights, no such interface, another XDP program is there
        print(f"xdp_stats: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
