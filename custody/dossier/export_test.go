package dossier

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"comity.example/comity/custody"
)

// File is a member of the archive, for tests that build archives Write does not.
type File struct {
	Name string
	Data []byte
}

// Pack writes an archive of any files in any order.
func Pack(list []File) []byte {
	var fs []file
	for _, f := range list {
		fs = append(fs, file{f.Name, f.Data})
	}
	var b bytes.Buffer
	if err := writeZip(&b, fs); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Files returns the files of a dossier in their order.
func Files(d *Dossier) []File {
	fs, err := d.files()
	if err != nil {
		panic(err)
	}
	var list []File
	for _, f := range fs {
		list = append(list, File{f.name, f.data})
	}
	return list
}

// Replace returns a dossier with other bytes in an earlier checkpoint, its proof or its
// token, as Read would if it came across them.
func Replace(d *Dossier, name string, data []byte) (*Dossier, error) {
	c := *d
	c.Earlier = maps.Clone(d.Earlier)
	folder, base, _ := strings.Cut(name, "/")
	if folder == checkpointsFolder {
		if err := c.putCheckpoint(base, data); err != nil {
			return nil, err
		}
		fs, err := c.earlier()
		if i := slices.IndexFunc(fs, func(f file) bool { return f.name == name }); err == nil && !bytes.Equal(fs[i].data, data) {
			err = errDiffers
		}
		return &c, err
	}
	size, err := strconv.ParseInt(strings.Split(base, "-")[0], 10, 64)
	if err != nil {
		return nil, err
	}
	e := c.Earlier[size]
	e.Tokens = [][]byte{data}
	c.Earlier[size] = e
	return &c, nil
}

// StandingOf tells how contents stand after what recipients said.
func StandingOf(p *custody.PackageState, sum custody.Digest) (Standing, string) {
	return standing(p, sum)
}
