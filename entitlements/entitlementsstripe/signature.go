package entitlementsstripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// The checks of stripe-go v76 are not used: they accept an empty secret and a timestamp of next year.

// maxSignatures bounds how many signatures of a header are compared: Stripe sends one for each active secret.
const maxSignatures = 16

// signature is a Stripe-Signature header: "t=1700000000,v1=5257…,v1=…".
type signature struct {
	at     time.Time
	stamp  string // the timestamp as it was sent, which is what is signed
	hashes [][]byte
}

func parseSignature(header string) (s signature, err error) {
	for pair := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		switch key {
		case "t":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil || s.stamp != "" {
				return s, fmt.Errorf("%w: the timestamp", ErrWebhook)
			}
			s.at, s.stamp = time.Unix(seconds, 0), value
		case "v1":
			if hash, err := hex.DecodeString(value); err == nil && len(s.hashes) < maxSignatures {
				s.hashes = append(s.hashes, hash)
			}
		}
	}
	if s.stamp == "" || len(s.hashes) == 0 {
		return s, fmt.Errorf("%w: no signature", ErrWebhook)
	}
	return s, nil
}

// verify checks that a body was signed with one of our secrets, not long ago and not ahead of time.
func (b *Biller) verify(header string, body []byte, now time.Time) error {
	s, err := parseSignature(header)
	if err != nil {
		return err
	}
	if !s.by(b.account.WebhookSecrets, body) {
		return fmt.Errorf("%w: the signature", ErrWebhook)
	}
	if off := now.Sub(s.at).Abs(); off > b.options.Tolerance {
		return fmt.Errorf("%w: signed %s from now", ErrWebhook, off.Round(time.Second))
	}
	return nil
}

// by says whether one of the secrets signed the body. Every pair is compared, so that the time tells nothing.
func (s signature) by(secrets []tenon.Secret, body []byte) (ok bool) {
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		_, _ = io.WriteString(mac, s.stamp+".") // a hash does not fail
		_, _ = mac.Write(body)
		want := mac.Sum(nil)
		for _, hash := range s.hashes {
			ok = hmac.Equal(want, hash) || ok
		}
	}
	return ok
}
