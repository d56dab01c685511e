package growth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Box is what a [Mailer] offers that keeps what it sends, so that the demo's mails can be read.
type Box interface {
	// Where is the place in words that a person can follow.
	Where() string
	// Names are the names of the mails, the newest first, by the ids of leads.
	Names() (map[string][]string, error)
	// Read returns a mail by its name; [tenon.ErrNotFound] when there is none.
	Read(name string) ([]byte, error)
	// Forget removes the mails of a lead. None is not an error.
	Forget(lead string) error
	// Prune removes mails that are older.
	Prune(before time.Time) error
}

// Box returns where mails can be read; nil when they are sent for good.
func (d *Desk) Box() Box {
	b, _ := d.opts.Mailer.(Box)
	return b
}

func (d *Desk) forgetMails(lead string) error {
	if b := d.Box(); b != nil {
		return b.Forget(lead)
	}
	return nil
}

// Folder is a mailer for a demonstration: it puts each mail into a folder as a file that mail programs open. Only the
// account of this process may read them.
type Folder struct{ dir string }

var (
	_ Mailer = Folder{}
	_ Box    = Folder{}
)

// NewFolder returns a Folder, which is made with its first mail.
func NewFolder(dir string) Folder { return Folder{dir} }

// Where implements [Box].
func (f Folder) Where() string { return f.dir }

// mailForm are the names that mails have here.
var mailForm = regexp.MustCompile(`^([0-9a-f-]{36})-[1-9][0-9]{0,8}\.eml$`)

// Send implements [Mailer]. A mail is there whole or not at all, and the same one sent again takes its place.
func (f Folder) Send(_ context.Context, m Mail) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(f.dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(m.Bytes())
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(f.dir, fmt.Sprintf("%s-%d.eml", m.Lead, m.Number)))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// Names implements [Box].
func (f Folder) Names() (map[string][]string, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	names := map[string][]string{}
	for _, e := range entries {
		if m := mailForm.FindStringSubmatch(e.Name()); m != nil {
			names[m[1]] = append(names[m[1]], e.Name())
		}
	}
	for _, list := range names {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(b, a)) })
	}
	return names, err
}

// Read implements [Box].
func (f Folder) Read(name string) ([]byte, error) {
	if !mailForm.MatchString(name) {
		return nil, tenon.ErrNotFound
	}
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, tenon.ErrNotFound
	}
	return b, err
}

// Forget implements [Box].
func (f Folder) Forget(lead string) error {
	names, err := f.Names()
	for _, name := range names[lead] {
		err = errors.Join(err, gone(os.Remove(filepath.Join(f.dir, name))))
	}
	return err
}

// Prune implements [Box]. What was being written when a process died goes too.
func (f Folder) Prune(before time.Time) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return gone(err)
	}
	for _, e := range entries {
		info, statErr := e.Info()
		switch {
		case statErr != nil:
			err = errors.Join(err, gone(statErr))
		case ours(e.Name()) && info.ModTime().Before(before):
			err = errors.Join(err, gone(os.Remove(filepath.Join(f.dir, e.Name()))))
		}
	}
	return err
}

// ours says whether a file is one that Send made: somebody may have named a folder with other files in it.
func ours(name string) bool {
	half, _ := filepath.Match(".new-*", name)
	return half || mailForm.MatchString(name)
}

// gone takes what is not there for removed: another instance was faster.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
