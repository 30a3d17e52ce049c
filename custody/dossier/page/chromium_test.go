package page_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"comity.example/comity/test/need"
)

// browser is a headless Chromium with one page, driven by the DevTools protocol over
// two pipes: no port, no client library.
type browser struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	session string
	next    int
	events  []event
}

// event is what the browser reports by itself.
type event struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// message is one answer or event.
type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
	event
}

// openPage starts Chromium and opens a file in it.
func openPage(t *testing.T, file string, width int) *browser {
	t.Helper()
	program := need.Program(t, "chromium")
	toRead, in, err := os.Pipe()
	fatalIfErr(t, err)
	out, toWrite, err := os.Pipe()
	fatalIfErr(t, err)
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{toRead, toWrite} // descriptors 3 and 4
	fatalIfErr(t, cmd.Start())
	toRead.Close()
	toWrite.Close()
	b := &browser{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	t.Cleanup(func() {
		in.Close() // it ends with its pipe
		stop := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		stop.Stop()
		out.Close()
	})
	out.SetReadDeadline(time.Now().Add(90 * time.Second))
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "DOM"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	b.until(`document.readyState === 'complete' && document.getElementById('limits').children.length > 0`)
	return b
}

// call asks the browser and waits for its answer; events go aside.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.next++
	m := map[string]any{"id": b.next, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	data, err := json.Marshal(m)
	fatalIfErr(b.t, err)
	_, err = b.in.Write(append(data, 0))
	fatalIfErr(b.t, err)
	for {
		line, err := b.out.ReadBytes(0)
		fatalIfErr(b.t, err)
		var got message
		fatalIfErr(b.t, json.Unmarshal(line[:len(line)-1], &got))
		switch {
		case got.ID == 0:
			b.events = append(b.events, got.event)
			continue
		case got.ID != b.next:
			continue
		case got.Error != nil:
			b.t.Fatalf("%s: %s", method, got.Error.Message)
		case result != nil:
			fatalIfErr(b.t, json.Unmarshal(got.Result, result))
		}
		return
	}
}

// eval returns the value of an expression in the page, as text.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	var r struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r)
	if r.Exception != nil {
		b.t.Fatalf("%s: %s", expression, r.Exception.Text)
	}
	return fmt.Sprint(r.Result.Value)
}

// until waits for a condition in the page.
func (b *browser) until(condition string) {
	b.t.Helper()
	got := b.eval(`new Promise((done) => { const end = Date.now() + 60000; const look = () => { if (` + condition + `) done('yes'); else if (Date.now() > end) done('no'); else setTimeout(look, 20); }; look(); })`)
	if got != "yes" {
		b.t.Fatalf("it never came about that %s", condition)
	}
}

// choose puts files into a file input, as a user does.
func (b *browser) choose(input string, files ...string) {
	b.t.Helper()
	var doc struct {
		Root struct {
			NodeID int `json:"nodeId"`
		} `json:"root"`
	}
	b.call("DOM.getDocument", nil, &doc)
	var node struct {
		NodeID int `json:"nodeId"`
	}
	b.call("DOM.querySelector", map[string]any{"nodeId": doc.Root.NodeID, "selector": "#" + input}, &node)
	b.call("DOM.setFileInputFiles", map[string]any{"nodeId": node.NodeID, "files": files}, nil)
}

// picture writes what the page looks like into the folder that COMITY_TEST_PICTURES
// names, if it does.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("COMITY_TEST_PICTURES")
	if dir == "" {
		return
	}
	var shot struct {
		Data []byte `json:"data"`
	}
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "clip": json.RawMessage(b.eval(
		`JSON.stringify({x: 0, y: 0, width: document.documentElement.clientWidth, height: document.documentElement.scrollHeight, scale: 1})`))}, &shot)
	fatalIfErr(b.t, os.WriteFile(dir+"/"+name+".png", shot.Data, 0o644))
}

// quiet fails the test if the page asked for anything but itself, or complained.
func (b *browser) quiet() {
	b.t.Helper()
	b.eval("1") // what was reported before this is here
	for _, e := range b.events {
		switch e.Method {
		case "Network.requestWillBeSent":
			var p struct {
				Request struct {
					URL string `json:"url"`
				} `json:"request"`
			}
			fatalIfErr(b.t, json.Unmarshal(e.Params, &p))
			if !strings.HasSuffix(p.Request.URL, "/page.html") || !strings.HasPrefix(p.Request.URL, "file://") {
				b.t.Errorf("the page asks for %s", p.Request.URL)
			}
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			b.t.Errorf("the page complains: %s", e.Params)
		}
	}
}

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
