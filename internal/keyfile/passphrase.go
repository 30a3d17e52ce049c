package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// PassphraseEnv names the environment variable with the path of a file that
// holds the passphrase, for services without a terminal. The file is under
// the same rules as a key: only its owner may read it.
const PassphraseEnv = "COMITY_PASSPHRASE_FILE"

// maxPassphrase bounds a passphrase in bytes, to notice a wrong file.
const maxPassphrase = 1024

// Passphrase returns the passphrase of the existing key that name describes to
// the person who is asked: the content of the file named in PassphraseEnv,
// without the end of its line, or else what is typed at the terminal, not at
// standard input, which may carry data. Without either the error says what to
// do.
func Passphrase(name string) ([]byte, error) {
	return passphrase(func(read reader) ([]byte, error) {
		return read("enter passphrase for " + name + ":")
	})
}

// NewPassphrase is Passphrase for a key that is being made: at the terminal it
// must be typed twice, because a slip would lose the key.
func NewPassphrase(name string) ([]byte, error) {
	return passphrase(func(read reader) ([]byte, error) { return askTwice(name, read) })
}

// reader shows a prompt and reads a line without echo.
type reader func(prompt string) ([]byte, error)

func passphrase(ask func(reader) ([]byte, error)) ([]byte, error) {
	if path := os.Getenv(PassphraseEnv); path != "" {
		return fromFile(path)
	}
	in, out, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("asking for passphrase: no terminal: set %s to the path of a file that holds it", PassphraseEnv)
	}
	defer in.Close()
	defer out.Close()
	p, err := ask(func(prompt string) ([]byte, error) {
		fmt.Fprint(out, printable(prompt)+" ")
		defer fmt.Fprint(out, "\r\n")
		return term.ReadPassword(int(in.Fd()))
	})
	if err != nil {
		return nil, fmt.Errorf("asking for passphrase: %v", err)
	}
	if err := checkPassphrase(p); err != nil {
		return nil, fmt.Errorf("asking for passphrase: %v", err)
	}
	return p, nil
}

func askTwice(name string, read reader) ([]byte, error) {
	first, err := read("choose passphrase for " + name + ":")
	if err != nil {
		return nil, err
	}
	if err := checkPassphrase(first); err != nil {
		return nil, err // before asking in vain
	}
	second, err := read("enter it again:")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, errors.New("the two passphrases differ")
	}
	return first, nil
}

// fromFile reads a passphrase of one line. It drops one line end, of unix or
// of Windows; blanks are part of the passphrase.
func fromFile(path string) ([]byte, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("reading passphrase from %q: %w", path, err)
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	data = bytes.TrimSuffix(data, []byte("\r"))
	if err := checkPassphrase(data); err != nil {
		return nil, fmt.Errorf("reading passphrase from %q: %v", path, err)
	}
	return data, nil
}

// checkPassphrase refuses what nobody could type again at a terminal.
func checkPassphrase(p []byte) error {
	switch {
	case len(p) == 0:
		return errors.New("the passphrase is empty")
	case len(p) > maxPassphrase:
		return fmt.Errorf("the passphrase has more than %d bytes", maxPassphrase)
	case bytes.ContainsAny(p, "\r\n"):
		return errors.New("the passphrase has more than one line")
	}
	return nil
}

// printable keeps a name from writing control sequences to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
