package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/custody/acquisition"
)

// contradictions says what an acquisition record says of files that the verified bag
// beside it shows to be otherwise. What it says of MD5 and SHA-1 is not looked at: the
// files would have to be read once more.
func contradictions(folder string, r *acquisition.Record) ([]string, error) {
	f, err := os.Open(filepath.Join(folder, fileManifest))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sums, err := lookUp(f, r.Files)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	var list []string
	for i := range r.Files {
		x := &r.Files[i]
		sum, ok := sums[x.Path]
		info, err := os.Lstat(filepath.Join(folder, "data", filepath.FromSlash(x.Path)))
		switch {
		case !ok || err != nil:
			list = append(list, fmt.Sprintf("warning: it describes %q, which is not in the package", x.Path))
		case info.Size() != x.Size:
			list = append(list, fmt.Sprintf("warning: it gives %q a size of %d bytes, the file has %d", x.Path, x.Size, info.Size()))
		case x.Hashes.SHA256 != "" && x.Hashes.SHA256 != sum:
			list = append(list, fmt.Sprintf("warning: it gives %q another SHA-256 than the file has", x.Path))
		}
	}
	return list, nil
}

// lookUp finds the lines of some files in a manifest, which may have a million others.
func lookUp(manifest io.Reader, files []acquisition.File) (map[string]string, error) {
	wanted := make(map[string]string, len(files)) // as in the manifest to as in the record
	for i := range files {
		// Of the three characters that RFC 8493 encodes, a record can hold one.
		wanted["data/"+strings.ReplaceAll(files[i].Path, "%", "%25")] = files[i].Path
	}
	sums := make(map[string]string, len(files))
	r := bufio.NewReader(manifest)
	for {
		line, err := r.ReadString('\n')
		sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if name, due := wanted[path]; ok && due {
			sums[name] = sum
		}
		if errors.Is(err, io.EOF) {
			return sums, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
