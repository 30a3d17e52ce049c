package link

import (
	"fmt"
	"net"
	"strconv"
)

// udpBuffer is the socket buffer asked for, in bytes. With several connections
// and coalesced receiving, smaller ones overflow between two reads.
const udpBuffer = 32 << 20

// listenUDP opens a UDP socket tuned for QUIC. The *net.UDPConn is for closing.
func listenUDP(network string, addr *net.UDPAddr) (*net.UDPConn, net.PacketConn, error) {
	c, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, nil, err
	}
	raiseBuffers(c, udpBuffer)
	return c, withGRO(c), nil
}

// listenBoth opens a TCP and a UDP socket on the same address and port. With
// port 0 it takes any port that is free for both.
func listenBoth(addr string) (*net.TCPListener, *net.UDPConn, net.PacketConn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading listen address %q: %v", addr, err)
	}
	tries := 1
	if port == "0" || port == "" {
		tries = 20 // the port TCP was given may be taken for UDP
	}
	for ; ; tries-- {
		tcp, udp, pc, err := listenOnce(host, port)
		if err == nil || tries == 1 {
			return tcp, udp, pc, err
		}
	}
}

func listenOnce(host, port string) (*net.TCPListener, *net.UDPConn, net.PacketConn, error) {
	taddr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("resolving listen address: %v", err)
	}
	tcp, err := net.ListenTCP("tcp", taddr)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("listening on TCP: %v", err)
	}
	// Resolved once: a host name with several addresses must not give TCP one
	// and UDP another.
	uaddr := &net.UDPAddr{IP: taddr.IP, Zone: taddr.Zone, Port: tcp.Addr().(*net.TCPAddr).Port}
	udp, pc, err := listenUDP("udp", uaddr)
	if err != nil {
		tcp.Close()
		return nil, nil, nil, fmt.Errorf("listening on UDP port %s: %v", strconv.Itoa(uaddr.Port), err)
	}
	return tcp, udp, pc, nil
}
