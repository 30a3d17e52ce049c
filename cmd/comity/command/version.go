package command

import (
	"crypto/fips140"
	"runtime"
	"runtime/debug"

	"comity.example/comity/custody"
	"comity.example/comity/internal/keyfile"

	"github.com/spf13/cobra"
)

// versionJSON is the build as data.
type versionJSON struct {
	Version  string         `json:"version"`
	Revision string         `json:"revision,omitempty"`
	Go       string         `json:"go"`
	Platform string         `json:"platform"`
	FIPS140  bool           `json:"fips140"`
	Kinds    []custody.Kind `json:"kinds"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print what this program was built from", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := build()
			if a.json {
				return a.printJSON(v)
			}
			a.print("comity %s %s %s %s", v.Version, v.Revision, v.Go, v.Platform)
			if keyfile.Weak {
				a.print("BUILT FOR TESTS: passphrases protect keys weakly")
			}
			state := "off"
			if v.FIPS140 {
				state = "on, for signatures and TLS; the encryption of content is not FIPS-validated"
			}
			a.print("FIPS 140-3 module: %s", state)
			return nil
		},
	}
}

// build reads what the Go toolchain recorded.
func build() versionJSON {
	v := versionJSON{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		FIPS140: fips140.Enabled(), Kinds: custody.Kinds()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}
