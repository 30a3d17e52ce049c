package link

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// TestGRO sends segmented datagrams and receives each of them, whole and in
// order, however few of them a batch has room for.
func TestGRO(t *testing.T) {
	udp, pc, err := listenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	gc, ok := pc.(*groConn)
	if !ok {
		t.Skip("the kernel has no UDP_GRO")
	}
	sender, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()

	const size = 1000
	data := make([]byte, 10*size+7)
	for i := range data {
		data[i] = byte(i / size)
	}
	if _, _, err := sender.WriteMsgUDP(data, segmentSize(size), udp.LocalAddr().(*net.UDPAddr)); err != nil {
		t.Skipf("the kernel has no UDP_SEGMENT: %v", err)
	}
	var got [][]byte
	for len(got) < 11 {
		messages := make([]ipv4.Message, 4)
		for i := range messages {
			messages[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 1452)}, OOB: make([]byte, 128)}
		}
		n, err := gc.ReadBatch(messages, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages[:n] {
			if m.Addr.String() != sender.LocalAddr().String() {
				t.Errorf("datagram from %v, want %v", m.Addr, sender.LocalAddr())
			}
			got = append(got, m.Buffers[0][:m.N])
		}
	}
	if !bytes.Equal(bytes.Join(got, nil), data) {
		t.Error("the datagrams are not what was sent")
	}
	for i, d := range got[:10] {
		if len(d) != size {
			t.Errorf("datagram %d has %d bytes, want %d", i, len(d), size)
		}
	}
}

// segmentSize is the control message that asks the kernel to cut a write.
func segmentSize(n uint16) []byte {
	b := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(b[8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(b[12:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], n)
	return b
}

func FuzzParseControl(f *testing.F) {
	f.Add([]byte{})
	f.Add(segmentSize(1200))
	f.Add(append(segmentSize(1), segmentSize(2)...))
	f.Fuzz(func(t *testing.T, oob []byte) {
		segment, rest, err := parseControl(oob, nil)
		if len(rest) > len(oob) {
			t.Errorf("%d bytes of control messages out of %d", len(rest), len(oob))
		}
		if err != nil && segment != 0 {
			t.Errorf("segment %d with error %v", segment, err)
		}
	})
}
