// SPDX-License-Identifier: Apache-2.0

package tunlink

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Net is a set of namespaces and the links between them.
type Net struct {
	mu    sync.Mutex
	nodes map[netip.Addr]*Node
	delay map[[2]*Node]time.Duration // one way
	cut   map[*Node]bool
	links map[[2]*Node]chan packet
	done  chan struct{}
	run   sync.WaitGroup
}

// Node is one namespace.
type Node struct {
	Name string
	Addr netip.Addr

	net *Net
	ns  *os.File // of the namespace, which it keeps
	tun *os.File
}

type packet struct {
	due  time.Time
	data []byte
}

// queue is how many packets are on their way in one direction; more are lost.
const queue = 4096

// mtu is that of the devices.
const mtu = 1500

// New makes a Net without a namespace. An error: none can be made here.
func New() (*Net, error) {
	n := &Net{
		nodes: map[netip.Addr]*Node{}, delay: map[[2]*Node]time.Duration{}, cut: map[*Node]bool{},
		links: map[[2]*Node]chan packet{}, done: make(chan struct{}),
	}
	ns, err := newNamespace()
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	var tun *os.File
	err = within(ns, func() (err error) {
		tun, err = openTUN(netip.MustParseAddr("10.255.255.254"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, tun.Close()
}

// Add makes a namespace with an address in 10.0.0.0/8.
func (n *Net) Add(name string, addr netip.Addr) (*Node, error) {
	ns, err := newNamespace()
	if err != nil {
		return nil, err
	}
	nd := &Node{Name: name, Addr: addr, net: n, ns: ns}
	err = within(ns, func() (err error) {
		nd.tun, err = openTUN(addr)
		return err
	})
	if err != nil {
		_ = ns.Close()
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addr] = nd
	n.run.Go(func() { n.read(nd) })
	return nd, nil
}

// Delay sets how long packets take between two namespaces, in each direction.
func (n *Net) Delay(a, b *Node, oneWay time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay[[2]*Node{a, b}], n.delay[[2]*Node{b, a}] = oneWay, oneWay
}

// Cut drops all packets from and to a namespace, or no longer.
func (n *Net) Cut(a *Node, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[a] = cut
}

// read takes the packets that leave a namespace to their links.
func (n *Net) read(from *Node) {
	buf := make([]byte, mtu+100)
	for {
		size, err := from.tun.Read(buf)
		if err != nil {
			return // closed
		}
		if size < 20 || buf[0]>>4 != 4 {
			continue
		}
		n.mu.Lock()
		to := n.nodes[netip.AddrFrom4([4]byte(buf[16:20]))]
		if to == nil || n.cut[from] || n.cut[to] {
			n.mu.Unlock()
			continue
		}
		key := [2]*Node{from, to}
		link := n.links[key]
		if link == nil {
			link = make(chan packet, queue)
			n.links[key] = link
			n.run.Go(func() { n.carry(from, to, link) })
		}
		p := packet{time.Now().Add(n.delay[key]), append([]byte(nil), buf[:size]...)}
		n.mu.Unlock()
		select {
		case link <- p:
		default:
		}
	}
}

// carry writes packets to their namespace when they are due.
func (n *Net) carry(from, to *Node, link chan packet) {
	late := time.NewTimer(0)
	defer late.Stop()
	for {
		select {
		case <-n.done:
			return
		case p := <-link:
			late.Reset(time.Until(p.due))
			select {
			case <-late.C:
			case <-n.done:
				return
			}
			n.mu.Lock()
			cut := n.cut[from] || n.cut[to]
			n.mu.Unlock()
			if !cut {
				_, _ = to.tun.Write(p.data) // lost, as packets are
			}
		}
	}
}

// Close removes the namespaces; programs in them are ended by who started them.
func (n *Net) Close() error {
	close(n.done)
	n.mu.Lock()
	var errs []error
	for _, nd := range n.nodes {
		errs = append(errs, nd.tun.Close(), nd.ns.Close())
	}
	n.mu.Unlock()
	n.run.Wait()
	return errors.Join(errs...)
}

// newNamespace makes a network namespace, which lives as long as its file.
func newNamespace() (ns *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("a network namespace cannot be made: %w", err)
			return
		}
		ns, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	}()
	<-done
	return ns, err
}

// within runs f on a thread in a namespace.
func within(ns *os.File, f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // as above
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		err = f()
	}()
	<-done
	return err
}

// openTUN makes a TUN device with an address in the namespace of this thread,
// and takes the loopback device up.
func openTUN(addr netip.Addr) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq("tun0")
	if err != nil {
		return nil, err
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	f := os.NewFile(uintptr(fd), "tun0")
	if err := configure(addr); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func configure(addr netip.Addr) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	for _, step := range []struct {
		request uint
		device  string
		addr    []byte
		flags   uint16
	}{
		{unix.SIOCSIFFLAGS, "lo", nil, unix.IFF_UP | unix.IFF_RUNNING},
		{unix.SIOCSIFADDR, "tun0", addr.AsSlice(), 0},
		{unix.SIOCSIFNETMASK, "tun0", []byte{255, 0, 0, 0}, 0},
		{unix.SIOCSIFFLAGS, "tun0", nil, unix.IFF_UP | unix.IFF_RUNNING},
	} {
		ifr, err := unix.NewIfreq(step.device)
		if err != nil {
			return err
		}
		if step.addr != nil {
			if err := ifr.SetInet4Addr(step.addr); err != nil {
				return err
			}
		} else {
			ifr.SetUint16(step.flags)
		}
		if err := unix.IoctlIfreq(s, step.request, ifr); err != nil {
			return fmt.Errorf("%s: ioctl %#x: %w", step.device, step.request, err)
		}
	}
	return nil
}
