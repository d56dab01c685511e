package gdpr

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	"github.com/transbotai/tenon"
)

// manifestName is the file of an archive that lists the others.
const manifestName = "manifest.json"

// ErrArchive says that an archive is not what its manifest says.
var ErrArchive = fmt.Errorf("gdpr: the archive is not what its manifest says: %w", tenon.ErrInvalid)

// Archive writes an archive, file by file. A [Packer] makes one.
type Archive struct {
	zip      *zip.Writer
	manifest Manifest
	names    map[string]bool
	digest   hash.Hash // of the file that begins
	open     *archiveFile
}

// archiveFile is the file that is being written. Its digest is complete when the zip has closed it, which it does when
// the next one begins.
type archiveFile struct {
	entry  Entry
	digest hash.Hash
	body   io.Writer
}

// NewArchive returns an archive that is written to w. Of m it takes whose data it is, and when.
func NewArchive(w io.Writer, m Manifest) *Archive {
	m.Version, m.Files = 1, nil
	a := &Archive{zip: zip.NewWriter(w), manifest: m, names: map[string]bool{manifestName: true}}
	a.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return newDeflater(w, flate.BestSpeed, a.digest), nil
	})
	return a
}

// Create begins a file. What is written from now on, by Write, belongs to it. A name that is taken gets a number.
func (a *Archive) Create(e Entry) error {
	for name, n := e.Name, 2; a.names[e.Name]; n++ {
		e.Name = fmt.Sprintf("%s-%d", name, n)
	}
	a.names[e.Name] = true
	a.digest = sha256.New()
	body, err := a.zip.CreateHeader(&zip.FileHeader{Name: e.Name, Method: zip.Deflate, Modified: a.manifest.At})
	if err != nil {
		return err
	}
	a.finish()
	a.open = &archiveFile{entry: e, digest: a.digest, body: body}
	return nil
}

// Write writes rows, each a line.
func (a *Archive) Write(lines []byte, rows int64) error {
	f := a.open
	f.entry.Size += int64(len(lines))
	f.entry.Rows += rows
	_, err := f.body.Write(lines)
	return err
}

// finish takes down what was written to the last file.
func (a *Archive) finish() {
	if a.open == nil {
		return
	}
	a.open.entry.SHA256 = hex.EncodeToString(a.open.digest.Sum(nil))
	a.manifest.Files = append(a.manifest.Files, a.open.entry)
	a.open = nil
}

// Document writes a file that is one JSON document.
func (a *Archive) Document(name string, v any) error {
	if err := a.Create(Entry{Name: name}); err != nil {
		return err
	}
	return a.indented(v)
}

func (a *Archive) indented(v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.Write(append(body, '\n'), 0)
}

// Close writes the manifest and ends the archive. The writer below stays open.
func (a *Archive) Close() (Manifest, error) {
	delete(a.names, manifestName) // it was kept free for this
	if err := a.Create(Entry{Name: manifestName}); err != nil {
		return Manifest{}, err
	}
	m := a.manifest // of all files before
	if err := a.indented(m); err != nil {
		return Manifest{}, err
	}
	return m, a.zip.Close()
}

// Abort ends what works in the background for an archive that is not finished.
func (a *Archive) Abort() { _ = a.zip.Close() }

// ReadArchive returns the manifest of an archive of that many bytes, when every file is there, is what the manifest says,
// and no other file is. Else it is [ErrArchive].
func ReadArchive(r io.ReaderAt, size int64) (*Manifest, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	files := map[string]*zip.File{}
	for _, f := range z.File {
		if files[f.Name] != nil {
			return nil, fmt.Errorf("%w: %s is there twice", ErrArchive, f.Name)
		}
		files[f.Name] = f
	}
	m, err := readManifest(files[manifestName])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	delete(files, manifestName)
	for _, e := range m.Files {
		if err := e.check(files[e.Name]); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrArchive, e.Name, err)
		}
		delete(files, e.Name)
	}
	if len(files) > 0 {
		return nil, fmt.Errorf("%w: it does not name %v", ErrArchive, slices.Sorted(maps.Keys(files)))
	}
	return m, nil
}

var (
	errMissing = errors.New("is missing")
	errChanged = errors.New("is not what it was")
)

// maxManifest bounds what is read of a manifest, in bytes.
const maxManifest = 16 << 20

func readManifest(f *zip.File) (*Manifest, error) {
	if f == nil {
		return nil, errMissing
	}
	body, err := f.Open()
	if err != nil {
		return nil, err
	}
	var m Manifest
	return &m, json.NewDecoder(io.LimitReader(body, maxManifest)).Decode(&m)
}

// lines counts the lines that are written to it.
type lines int64

// Write implements [io.Writer].
func (l *lines) Write(p []byte) (int, error) {
	*l += lines(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

func (e Entry) check(f *zip.File) error {
	if f == nil {
		return errMissing
	}
	body, err := f.Open()
	if err != nil {
		return err
	}
	digest, rows := sha256.New(), new(lines)
	size, err := io.Copy(io.MultiWriter(digest, rows), body)
	if err != nil {
		return err
	}
	if size != e.Size || hex.EncodeToString(digest.Sum(nil)) != e.SHA256 || e.Table != "" && int64(*rows) != e.Rows {
		return errChanged
	}
	return nil
}
