package env

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/custody"
)

// OddFiles writes files below dir whose names no page may trip over: several scripts,
// one that turns the direction of writing, markup, blanks, and as long as a name can be.
func OddFiles(dir string) error {
	for _, name := range []string{
		"disk.E01", "Допрос свидетеля.docx", "محضر الاستجواب.pdf", "photo\u202egpj.exe", "<script>alert(1)<script>.html",
		"Ångström & \"quotes\" 'n' more.txt", "証拠写真.jpg", "Vernehmung  zwei Leerzeichen.txt", "zero\u200bwidth.txt", strings.Repeat("sehr-langer-Name_", 14) + ".dat",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("the content of "+name), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// PlayAll plays a case in which nearly everything happens: the terms are amended and
// accepted again, the relay refuses something, transfers are suspended and go on; of four
// packages one is receipted whole, one in single files, one rejected, and one recalled
// after it was receipted and replaced; then the case is closed.
func (s *Story) PlayAll(dir string) error {
	if err := s.Agree(); err != nil {
		return err
	}
	first, err := s.through(dir, s.Receipt)
	if err != nil {
		return err
	}
	err = errors.Join(
		s.Event(&custody.Event{Denied: &custody.Denied{By: s.From.ID("agent/lab-1"), Act: custody.ActReserve, Code: custody.CodeSenderNotGranted, Rule: "granted-sender"}}),
		s.Amend(), s.Suspend(s.To, s.From.Name), s.Resume(s.To, s.From.Name))
	if err != nil {
		return err
	}
	if _, err := s.through(dir, func(p *Package) error { return s.ReceiptExhibits(p, 1, 3) }); err != nil {
		return err
	}
	if _, err := s.through(dir, func(p *Package) error { return s.Reject(p, "inner-mismatch") }); err != nil {
		return err
	}
	err = errors.Join(s.RecallByOfficer(first), s.Event(&custody.Event{Destroyed: &custody.Destroyed{Package: first.Seal.Package}}))
	if err != nil {
		return err
	}
	last, err := s.Replace(first, dir)
	return errors.Join(err, s.Unlock(last))
}

// through sends a package, lets its head go, and has it taken and answered.
func (s *Story) through(dir string, answer func(*Package) error) (*Package, error) {
	p, err := s.Send(dir)
	if err != nil {
		return nil, err
	}
	return p, errors.Join(s.Unlock(p), s.Release(p), answer(p))
}

// Amend adds a condition to the terms of the live grant, and has them accepted.
func (s *Story) Amend() error {
	g := s.Case().Live()
	terms := *g.Terms
	terms.Conditions = []string{"use-limitation", "confidentiality", "no-onward-transfer-without-consent"}
	terms.Handling = []string{"tlp-amber"}
	a, err := s.Post(s.To.ID("agent/desk-1"), &custody.Amendment{Header: s.header(s.To.Name), Request: s.Case().RequestSHA256,
		Review: g.Review, Amends: g.Newest(), To: s.From.Name, Terms: terms}, s.To.Officers...)
	if err != nil {
		return err
	}
	_, err = s.Post(s.From.ID("agent/desk-1"), &custody.Acceptance{Header: s.header(s.From.Name), Request: s.Case().RequestSHA256, Grant: a.SHA256}, s.From.Officers[1])
	return err
}
