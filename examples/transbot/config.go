package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/transbotai/tenon/examples/transbot/internal/billing"
	"github.com/transbotai/tenon/internal/pgtest"
)

// errUsage says that the command line was wrong; what was wrong has been printed.
var errUsage = errors.New("usage")

// config is how the program was started.
type config struct {
	addr         string
	data         string // where the private Postgres keeps its data
	demo         bool
	partners     int // that a company of the demo lists at most; 0: as many as its profile says
	https        bool
	mail         string // the folder that mails are put into; empty: beside data
	url          string // where people reach the service; empty: where it listens
	linger       time.Duration
	restoreDrill bool   // do one instead of serving
	databaseURL  string // empty: a private Postgres
	redisURL     string // empty: rate limits are this process's alone
	adminKey     string // empty: with demo one is made
	secret       string // signs what people are handed; empty: one that is forgotten with the program
	stripe       billing.Account

	auditKey    string // signs the log's checkpoints; see auditSeed
	auditAnchor string // the file that keeps them outside of the database

	webhook       string // told what on-call must know; empty: the log is
	webhookSecret string
}

func readConfig(args []string, getenv func(string) string, stderr io.Writer) (config, error) {
	c := config{
		databaseURL: getenv("DATABASE_URL"), redisURL: getenv("REDIS_URL"), adminKey: getenv("TRANSBOT_ADMIN_KEY"),
		auditKey: getenv("TRANSBOT_AUDIT_KEY"), auditAnchor: getenv("TRANSBOT_AUDIT_ANCHOR"),
		secret: getenv("TRANSBOT_SECRET"),
		stripe: readStripe(getenv), webhook: getenv("TRANSBOT_WEBHOOK_URL"), webhookSecret: getenv("TRANSBOT_WEBHOOK_SECRET"),
	}
	f := flag.NewFlagSet("transbot", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	f.StringVar(&c.data, "data", pgtest.KeepDir("transbot"), "`folder` of the private Postgres; not used with DATABASE_URL")
	f.BoolVar(&c.demo, "demo", false, "fill with a small marketplace and print keys to try")
	f.IntVar(&c.partners, "partners", 0, "list at most so many partners of each company of the demo; 0 lists two thousand in all")
	f.BoolVar(&c.https, "https", false, "people reach the service by https, through a proxy: cookies are Secure")
	f.StringVar(&c.mail, "mail", "", "`folder` that mails are put into; without it one beside -data")
	f.StringVar(&c.url, "url", "", "`address` under which people reach the service, for links in mails; without it where it listens")
	f.DurationVar(&c.linger, "linger", 0, "`time` between saying not ready and refusing connections, for a load balancer to see")
	f.BoolVar(&c.restoreDrill, "restore-drill", false, "dump the database, restore it on a second server, compare the two, print the report and end")
	f.Usage = func() {
		fmt.Fprintln(stderr, "transbot serves a freight platform in miniature.")
		f.PrintDefaults()
		fmt.Fprintln(stderr, "DATABASE_URL names the Postgres to use; without it, one is started below -data.")
		fmt.Fprintln(stderr, "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET sell plans by Stripe, at STRIPE_API_BASE where that is set;")
		fmt.Fprintln(stderr, "without them -demo, or fake as that base, starts a fake one, and otherwise nothing is sold.")
		fmt.Fprintln(stderr, "TRANSBOT_WEBHOOK_URL is told what on-call must know, signed with TRANSBOT_WEBHOOK_SECRET; without it, the log is.")
		fmt.Fprintln(stderr, "REDIS_URL names the Redis by which instances share rate limits; without it, each has its own.")
		fmt.Fprintln(stderr, "TRANSBOT_AUDIT_KEY, 32 bytes in base64, signs the audit log; TRANSBOT_AUDIT_ANCHOR is the file that keeps its checkpoints.")
		fmt.Fprintln(stderr, "TRANSBOT_SECRET signs invitations, links to exports and certificates; without it, they end with the program.")
		fmt.Fprintln(stderr, "TRANSBOT_ADMIN_KEY opens the staff's pages; without it, -demo makes a key and prints it.")
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, errUsage
	}
	return c, c.check(f, stderr)
}

// minAdminKey bounds the staff's key below, in bytes: it must not be guessed.
const minAdminKey = 16

// minSecret bounds the secret below, in bytes.
const minSecret = 32

func (c config) check(f *flag.FlagSet, stderr io.Writer) error {
	wrong := ""
	switch {
	case f.NArg() > 0:
		wrong = "takes no arguments"
	case c.linger < 0 || c.linger > time.Minute:
		wrong = "-linger is not within 0 and a minute"
	case c.partners < 0:
		wrong = "-partners is below 0"
	case c.url != "" && !isSite(c.url):
		wrong = "-url is not the address of a site, such as https://transbot.example"
	case c.https && !strings.HasPrefix(c.url, "https://"): // a mail's link lets in, and is not to travel in the clear
		wrong = "-https goes with -url, the https address to which links in mails lead"
	case c.adminKey != "" && len(c.adminKey) < minAdminKey:
		wrong = fmt.Sprintf("TRANSBOT_ADMIN_KEY is shorter than %d bytes", minAdminKey)
	case c.secret != "" && len(c.secret) < minSecret:
		wrong = fmt.Sprintf("TRANSBOT_SECRET is shorter than %d bytes", minSecret)
	case (c.stripe.Key == "") != (c.stripe.WebhookSecret == ""):
		wrong = "one of STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET is missing"
	default:
		return nil
	}
	fmt.Fprintln(stderr, "transbot:", wrong)
	return errUsage
}

// isSite says whether s is the address of a site and nothing of it.
func isSite(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && (u.Path == "" || u.Path == "/") &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// mailFolder returns where mails are put.
func (c config) mailFolder() string {
	if c.mail != "" {
		return c.mail
	}
	return filepath.Join(filepath.Dir(c.data), filepath.Base(c.data)+"-mail")
}
