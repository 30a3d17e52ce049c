package dossier

import (
	"bytes"

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

// StandingOf tells how contents stand after what recipients said.
func StandingOf(p *custody.PackageState, sum custody.Digest) (Standing, string) {
	return standing(p, sum)
}
