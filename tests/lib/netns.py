"""Networks of the test's own: namespaces joined by a bridge, with addresses that nobody else uses, and
nftables rules inside them. Needs root; skips with the reason otherwise."""
import contextlib
import ctypes
import itertools
import os
import pathlib
import shutil
import signal
import subprocess

import process
import tap

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def _setns(file):
    if _libc.setns(file.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*words):
    process.run(["ip", *words])


class Network:
    """Members are reached by name: each is a namespace with one address per family on a common bridge.

        with Network(server="10.55.0.1", left="10.55.0.2") as net:
            process.start(net.inside("server", "turnoutd", ...))
            net.nft("left", "add rule inet t out udp dport 3478 drop")
    """

    def __init__(self, mtu=1500, **members):
        tap.need_root()
        for tool in ("ip", "nft"):
            if not shutil.which(tool):
                raise tap.Skip(f"no {tool}")
        self.tag = f"t{os.getpid()}x{next(_numbers)}"
        self.members, self.mtu, self.made = members, mtu, []

    def namespace(self, member):
        return f"{self.tag}-{member}"

    def inside(self, member, *command):
        """The command, to be run inside that namespace; it replaces `ip`, so its process id is its own."""
        return ["ip", "netns", "exec", self.namespace(member), *command]

    def __enter__(self):
        try:
            hub = self._make("hub")
            self._ip_in("hub", "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
            self._ip_in("hub", "link", "set", "bridge", "up")
            for number, (name, addresses) in enumerate(self.members.items()):
                self._join(hub, number, name, [addresses] if isinstance(addresses, str) else addresses)
        except AssertionError as error:
            self.__exit__()
            raise tap.Skip(f"cannot make network namespaces: {str(error).splitlines()[-1]}") from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self, name):
        _ip("netns", "add", self.namespace(name))
        self.made.append(name)
        self._ip_in(name, "link", "set", "lo", "up")
        return self.namespace(name)

    def _ip_in(self, name, *words):
        _ip("-n", self.namespace(name), *words)

    def _join(self, hub, number, name, addresses):
        space = self._make(name)
        _ip("-n", hub, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", space)
        # Link-local addresses that come up later would look like a change of network to a browser.
        for place, link in (("hub", f"port{number}"), (name, "eth0")):
            self._ip_in(place, "link", "set", link, "addrgenmode", "none")
        self._ip_in("hub", "link", "set", f"port{number}", "master", "bridge", "mtu", str(self.mtu), "up")
        self._ip_in(name, "link", "set", "eth0", "mtu", str(self.mtu), "up")
        for address in addresses:
            width = "64" if ":" in address else "24"
            self._ip_in(name, "addr", "add", f"{address}/{width}", "dev", "eth0",
                        *(["nodad"] if ":" in address else []))
        process.run(self.inside(name, "nft", "add table inet t; add chain inet t in { type filter hook input "
                                             "priority 0; }; add chain inet t out { type filter hook output "
                                             "priority 0; }"))

    @contextlib.contextmanager
    def enter(self, member):
        """This thread is inside that namespace meanwhile, and so are the processes it starts."""
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{self.namespace(member)}") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)

    def know(self, member, name, address):
        """Commands run inside find that name in their /etc/hosts."""
        folder = pathlib.Path("/etc/netns") / self.namespace(member)
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "hosts", "a") as hosts:
            hosts.write(f"127.0.0.1 localhost\n{address} {name}\n")

    def add_address(self, member, address):
        """One more address, on the loopback interface."""
        self._ip_in(member, "addr", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo")

    def hide(self, member, behind, nat="masquerade", forward_ports=False):
        """A further namespace, 192.168.77.2, whose packets leave through member `behind`, which translates them by that
        statement of nft; with forward_ports it lets everything from outside in to it (endpoint-independent filtering)."""
        space = self._make(member)
        self._ip_in(behind, "link", "add", "inside", "type", "veth", "peer", "name", "eth0", "netns", space)
        for place, link, address in ((behind, "inside", "192.168.77.1"), (member, "eth0", "192.168.77.2")):
            self._ip_in(place, "addr", "add", f"{address}/24", "dev", link)
            self._ip_in(place, "link", "set", link, "up")
        self._ip_in(member, "route", "add", "default", "via", "192.168.77.1")
        process.run(self.inside(behind, "sysctl", "-qw", "net.ipv4.ip_forward=1"))
        into = "iifname eth0 udp dport 1024-65535 dnat to 192.168.77.2;" if forward_ports else ""
        process.run(self.inside(behind, "nft", "add table ip nat; add chain ip nat post { type nat hook postrouting "
                                               f"priority 100; oifname eth0 meta l4proto udp {nat}; }}; add chain ip nat "
                                               f"pre {{ type nat hook prerouting priority -100; {into} }}"))

    def nft(self, member, rule):
        process.run(self.inside(member, "nft", rule))

    def clear(self, member):
        """Takes all rules of nft() back."""
        self.nft(member, "flush table inet t")

    def cut_tcp(self, member, port):
        """Resets the member's established TCP connections to or from that port."""
        process.run(self.inside(member, "ss", "-K", "( dport", "=", f":{port}", "or", "sport", "=", f":{port}", ")"))

    def __exit__(self, *_):
        for name in reversed(self.made):
            pids = subprocess.run(["ip", "netns", "pids", self.namespace(name)], capture_output=True, text=True).stdout
            for pid in map(int, pids.split()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", self.namespace(name)], capture_output=True)
            shutil.rmtree(f"/etc/netns/{self.namespace(name)}", ignore_errors=True)
        self.made = []
