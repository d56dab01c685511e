package gdprpg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func key(tenant string) gdpr.Key { return gdpr.Key{Tenant: tenant, ID: tenon.NewID(noon)} }

// noise is n bytes, the same each time.
func noise(n int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = source.Read(b)
	return b
}

// kinds are the files that there are.
func kinds(t *testing.T) map[string]gdpr.Files {
	t.Helper()
	return map[string]gdpr.Files{"postgres": gdprpg.NewFiles(database(t)), "folder": gdpr.NewDirFiles(t.TempDir())}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for name, files := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{0, 1, 256<<10 - 1, 256 << 10, 256<<10 + 1, 700 << 10} {
				k, want := key("acme"), noise(size)
				require.NoError(t, files.Put(t.Context(), k, bytes.NewReader(noise(3))))
				require.NoError(t, files.Put(t.Context(), k, bytes.NewReader(want)), "in place of what is there")
				f, err := files.Open(t.Context(), k)
				require.NoError(t, err)
				require.NoError(t, iotest.TestReader(f, want), "%d bytes", size)
				require.NoError(t, f.Close())
				require.NoError(t, files.Remove(t.Context(), k))
				require.NoError(t, files.Remove(t.Context(), k), "twice")
				_, err = files.Open(t.Context(), k)
				require.ErrorIs(t, err, tenon.ErrNotFound)
			}
		})
	}
}

func TestNobodyReadsBeforeTheBeginningOfAFile(t *testing.T) {
	t.Parallel()
	for name, files := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := key("acme")
			require.NoError(t, files.Put(t.Context(), k, bytes.NewReader(noise(3))))
			f, err := files.Open(t.Context(), k)
			require.NoError(t, err)
			defer f.Close()
			for whence, offset := range map[int]int64{io.SeekStart: -1, io.SeekCurrent: -1, io.SeekEnd: -4} {
				_, err = f.Seek(offset, whence)
				require.Error(t, err)
			}
			got, err := io.ReadAll(f)
			require.NoError(t, err)
			require.Equal(t, noise(3), got, "it stands where it stood")
		})
	}
}

func TestAFileThatExpiresWhileItIsReadIsNotThere(t *testing.T) {
	t.Parallel()
	files, k := gdprpg.NewFiles(database(t)), key("acme")
	require.NoError(t, files.Put(t.Context(), k, bytes.NewReader(noise(300<<10))))
	f, err := files.Open(t.Context(), k)
	require.NoError(t, err)
	_, err = io.ReadFull(f, make([]byte, 256<<10))
	require.NoError(t, err)
	require.NoError(t, files.Remove(t.Context(), k))
	_, err = io.ReadAll(f)
	require.ErrorIs(t, err, gdpr.ErrUnknownFile)
}

func TestFilesOfTwoCompaniesDoNotMeet(t *testing.T) {
	t.Parallel()
	files := gdprpg.NewFiles(database(t))
	mine := key("acme")
	theirs := gdpr.Key{Tenant: "zenith", ID: mine.ID}
	require.NoError(t, files.Put(t.Context(), mine, bytes.NewReader([]byte("mine"))))
	_, err := files.Open(t.Context(), theirs)
	require.ErrorIs(t, err, tenon.ErrNotFound)
	require.NoError(t, files.Put(t.Context(), theirs, bytes.NewReader([]byte("theirs"))))
	require.NoError(t, files.Remove(t.Context(), mine))
	f, err := files.Open(t.Context(), theirs)
	require.NoError(t, err)
	body, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "theirs", string(body))
}

var errTorn = errors.New("torn")

func TestNobodySeesAFileThatWasNotPutWhole(t *testing.T) {
	t.Parallel()
	for name, files := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := key("acme")
			torn := io.MultiReader(bytes.NewReader(noise(300<<10)), iotest.ErrReader(errTorn))
			require.ErrorIs(t, files.Put(t.Context(), k, torn), errTorn)
			_, err := files.Open(t.Context(), k)
			require.ErrorIs(t, err, tenon.ErrNotFound)
		})
	}
}

func TestADownloadResumes(t *testing.T) {
	t.Parallel()
	for name, files := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, want := key("acme"), noise(1<<20)
			require.NoError(t, files.Put(t.Context(), k, bytes.NewReader(want)))
			serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f, err := files.Open(r.Context(), k)
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				w.Header().Set("ETag", `"digest"`)
				http.ServeContent(w, r, "export.zip", time.Time{}, f)
				_ = f.Close()
			})
			var got []byte
			for len(got) < len(want) { // a connection that breaks after a while, each time
				r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
				if len(got) > 0 {
					r.Header.Set("Range", fmt.Sprintf("bytes=%d-", len(got)))
					r.Header.Set("If-Range", `"digest"`)
				}
				w := httptest.NewRecorder()
				serve(w, r)
				if len(got) > 0 {
					require.Equal(t, http.StatusPartialContent, w.Code)
				}
				piece := w.Body.Bytes()
				got = append(got, piece[:min(len(piece), 300_001)]...)
			}
			require.True(t, bytes.Equal(want, got))
		})
	}
}
