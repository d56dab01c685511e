package main

import (
	"io"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
)

// mailed waits for a mail to an address, one that is not older than the number says, and returns the path of its link.
func (s *site) mailed(address string, number int) (link string) {
	s.t.Helper()
	found := regexp.MustCompile(`/signup/[0-9a-f-]{36}/[\w-]{43}`)
	require.Eventually(s.t, func() bool {
		files, err := filepath.Glob(filepath.Join(s.mail, "*.eml"))
		require.NoError(s.t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(s.t, err)
			m, err := mail.ReadMessage(strings.NewReader(string(text)))
			require.NoError(s.t, err, "a file is a whole mail")
			if m.Header.Get("To") == "<"+address+">" && strings.HasSuffix(file, "-"+string(rune('0'+number))+".eml") {
				link = found.FindString(string(text))
				require.Contains(s.t, string(text), s.url+link)
			}
		}
		return link != ""
	}, inTime, 50*time.Millisecond)
	return link
}

// leads counts leads and mails, which refused requests leave alone.
func (s *site) leads() [2]int {
	return [2]int{
		scan[int](s, "select count(*) from trial_leads"), scan[int](s, "select count(*) from tenon.notifications where kind = 'growth.mail'"),
	}
}

const wanted = `{"email": "ann@acme.example", "lanes": 40}`

var filledIn = []string{"company", "Acme", "kind", "broker", "city", "Reno, NV", "person", "Ann"}

func TestATrialFromTheCalculatorToTheCompany(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, staff := s.browser(), s.signIn(adminKey)
	page := b.get("/calculator")
	require.Equal(t, http.StatusOK, page.status)
	for _, said := range []string{"Calculate Your Savings", "Calculate &amp; Start Free Trial", "$1,423.66", "(20 − 3) minutes", "$38.00", "4 a month"} {
		require.Contains(t, page.body, said)
	}
	require.Contains(t, b.get("/calculator?lanes=1").body, "$55.94 a month more")
	require.Contains(t, b.post("/calculator", "lanes", "251", "email", "a<b>", "what", "estimate").body, "$9,810.73")
	require.Equal(t, [2]int{}, s.leads(), "to calculate asks for nothing")

	asked := b.post("/calculator", "lanes", "40", "email", "Ann@ACME.example", "what", "trial")
	require.Equal(t, http.StatusSeeOther, asked.status, asked.body)
	at := asked.header.Get("Location")
	require.Regexp(t, `^/signup\?trial=[0-9a-f-]{36}$`, at)
	waiting := b.get(at)
	require.Contains(t, waiting.body, "Look into your mail")
	link := s.mailed("Ann@acme.example", 1)

	for range 2 { // as programs that check mails do
		require.Contains(t, b.get(link).body, "Ann@acme.example")
	}
	require.Zero(t, scan[int](s, "select count(*) from companies"), "looking changes nothing")
	require.Equal(t, waiting.body, b.get(at).body)
	require.Equal(t, http.StatusBadRequest, b.post(link, "company", "", "kind", "broker", "city", "Reno, NV", "person", "Ann").status)
	require.Equal(t, http.StatusForbidden, b.postFrom("https://evil.example", link, filledIn...).status)
	require.Equal(t, http.StatusForbidden, b.post(link[:len(link)-2]+"AA", filledIn...).status)

	in := b.post(link, filledIn...)
	require.Equal(t, http.StatusOK, in.status, in.body)
	key := regexp.MustCompile(`tb_[a-z2-7]+`).FindString(in.body)
	require.NotEmpty(t, key)
	require.Contains(t, in.header.Get("Set-Cookie"), "HttpOnly")
	home := regexp.MustCompile(`href="(/companies/acme-[a-z2-7]{6})"`).FindStringSubmatch(in.body)
	require.NotNil(t, home, in.body)
	own := b.get(home[1])
	require.Equal(t, http.StatusOK, own.status, "signed in")
	require.Contains(t, own.body, "Professional")
	require.NotContains(t, own.body, key, "it is shown once")
	require.Equal(t, http.StatusCreated, s.ask(key, "/api/quotes", lane).status)
	company := strings.TrimPrefix(home[1], "/companies/")
	require.Equal(t, 1, scan[int](s, "select count(*) from tenon.audit_log where tenant_id = $1 and action = 'INSERT' and target = 'public.companies' and actor like 'trial:%'", company))

	again := s.browser().post(link, filledIn...)
	require.Equal(t, http.StatusConflict, again.status)
	require.Contains(t, again.body, "This link was used")
	require.Equal(t, 1, scan[int](s, "select count(*) from companies"))

	known := s.browser().post("/calculator", "lanes", "40", "email", "ann@acme.example")
	require.Equal(t, at, known.header.Get("Location"), "who has an account is answered as before")
	require.Equal(t, waiting.body, s.browser().get(at).body)
	back := s.mailed("Ann@acme.example", 2)
	require.Contains(t, s.browser().get(back).body, "has an account already")
	other := s.browser()
	entered := other.post(back, "what", "enter")
	require.Contains(t, entered.body, "with a new key")
	require.Equal(t, home[1], other.get("/").header.Get("Location"))

	trials := staff.get("/trials").body
	require.Contains(t, trials, "Ann@acme.example")
	require.Contains(t, trials, "on trial")
	require.Contains(t, trials, home[1])
}

func TestAPIOfTrials(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.ask("", "/api/trials", wanted)
	require.Equal(t, http.StatusCreated, r.status, r.body)
	id := r.field(t, "id").(string)
	require.Equal(t, "/signup?trial="+id, r.header.Get("Location"))
	require.Equal(t, 142366.0, r.field(t, "estimate.saving_a_month_cents"))
	s.mailed("ann@acme.example", 1)
	require.Equal(t, r.body, s.ask("", "/api/trials", wanted).body, "a known address gets the same answer")
	other := s.ask("", "/api/trials", strings.Replace(wanted, "ann", "bob", 1))
	require.Equal(t, len(r.body), len(other.body), "of the same shape")
	require.NotEqual(t, id, other.field(t, "id"))
	require.Equal(t, byte('8'), id[14], "the name tells no time")

	stranger := s.browser()
	mine, theirs := stranger.get("/signup?trial="+id), stranger.get("/signup?trial="+tenon.NewID(time.Now()))
	require.Equal(t, http.StatusOK, mine.status)
	require.Equal(t, mine.body, theirs.body, "one that is not there looks the same")
	require.Equal(t, mine.body, stranger.get("/signup?trial=%27").body)
	require.NotContains(t, mine.body, s.mail, "where mails lie is told in the demo alone")
	require.Equal(t, "/calculator", stranger.get("/signup").header.Get("Location"))
	staff := s.signIn(adminKey)
	require.Contains(t, staff.get("/signup?trial="+id).body, "ann@acme.example")
	require.Equal(t, mine.status, staff.get("/signup?trial=%27").status)
}

func TestTrialsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	long := strings.Repeat("a", 64<<10)
	for name, c := range map[string]struct {
		body    string
		status  int
		headers []string
	}{
		"nothing":            {`{}`, http.StatusBadRequest, nil},
		"no address":         {`{"email": "ann", "lanes": 40}`, http.StatusBadRequest, nil},
		"a second recipient": {`{"email": "ann@acme.example\r\nBcc: all@acme.example", "lanes": 40}`, http.StatusBadRequest, nil},
		"other letters":      {`{"email": "ann@аcme.example", "lanes": 40}`, http.StatusBadRequest, nil},
		"no lanes":           {`{"email": "ann@acme.example", "lanes": 0}`, http.StatusBadRequest, nil},
		"too many lanes":     {`{"email": "ann@acme.example", "lanes": 10001}`, http.StatusBadRequest, nil},
		"half a lane":        {`{"email": "ann@acme.example", "lanes": 1.5}`, http.StatusBadRequest, nil},
		"an unknown field":   {`{"email": "ann@acme.example", "lanes": 40, "plan": "enterprise"}`, http.StatusBadRequest, nil},
		"two objects":        {wanted + wanted, http.StatusBadRequest, nil},
		"no JSON":            {`email=ann@acme.example`, http.StatusBadRequest, nil},
		"too large":          {`{"email": "` + long + `", "lanes": 40}`, http.StatusRequestEntityTooLarge, nil},
		"a form":             {wanted, http.StatusUnsupportedMediaType, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"plain text":         {wanted, http.StatusUnsupportedMediaType, []string{"Content-Type", "text/plain"}},
		"another site's":     {wanted, http.StatusForbidden, []string{"Origin", "https://evil.example"}},
		"a browser's word":   {wanted, http.StatusForbidden, []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		r := s.ask("", "/api/trials", c.body, c.headers...)
		require.Equal(t, c.status, r.status, "%s: %s", name, r.body)
		require.NotContains(t, r.body, "Bcc", "what was sent is not shown")
	}
	b := s.browser()
	require.Equal(t, http.StatusForbidden, b.postFrom("https://evil.example", "/calculator", "email", "ann@acme.example", "lanes", "40").status)
	require.Equal(t, http.StatusRequestEntityTooLarge, b.post("/calculator", "email", long, "lanes", "40").status)
	for fields, says := range map[[2]string]string{
		{"ann@acme.example", "0"}: "The number of lanes is not a whole number within 1 and 10000.",
		{"ann", "40"}:             "The e-mail address is not an address.",
	} {
		r := b.post("/calculator", "email", fields[0], "lanes", fields[1])
		require.Equal(t, http.StatusBadRequest, r.status)
		require.Contains(t, r.body, says)
	}
	wrong := b.post("/calculator", "email", `"><script>`, "lanes", "40")
	require.Equal(t, http.StatusBadRequest, wrong.status)
	require.NotContains(t, wrong.body, "<script>")
	require.Equal(t, [2]int{}, s.leads(), "nothing was written")
	for _, path := range []string{"/signup/x/y", "/signup/" + tenon.NewID(time.Now()) + "/" + strings.Repeat("A", 43)} {
		require.Equal(t, http.StatusForbidden, b.get(path).status)
		require.Equal(t, http.StatusForbidden, b.post(path, filledIn...).status)
	}
	require.Zero(t, scan[int](s, "select count(*) from companies"))
}

func TestTrialLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range trialsPerMail {
		require.Equal(t, http.StatusCreated, s.ask("", "/api/trials", wanted).status)
	}
	r := s.ask("", "/api/trials", strings.Replace(wanted, "ann@a", "ANN@A", 1))
	require.Equal(t, http.StatusTooManyRequests, r.status, "one address was given too often")
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Equal(t, http.StatusTooManyRequests, s.browser().post("/calculator", "email", "ann@acme.example", "lanes", "40").status)
	require.Equal(t, 1, s.leads()[0])

	spoofed := []string{"X-Forwarded-For", "203.0.113.9", "X-Real-Ip", "203.0.113.9"}
	for range trialsPerAddress - trialsPerMail - 2 {
		require.Equal(t, http.StatusBadRequest, s.ask("", "/api/trials", `{"lanes": 1}`, spoofed...).status)
	}
	r = s.ask("", "/api/trials", strings.Replace(wanted, "ann", "bob", 1), spoofed...)
	require.Equal(t, http.StatusTooManyRequests, r.status, "asked too often from here, whatever a header says")
	require.Equal(t, http.StatusTooManyRequests, s.browser().post("/calculator", "email", "bob@acme.example", "lanes", "40").status)
	require.Equal(t, 1, s.leads()[0])
	require.Equal(t, http.StatusOK, s.browser().get("/calculator").status, "to calculate is free")
}

func TestOneMailboxIsNotWrittenToUnderManyNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	under := func(name int) string { return strings.Replace(wanted, "ann@", "ann+"+strconv.Itoa(name)+"@", 1) }
	for name := range trialsPerMail {
		require.Equal(t, http.StatusCreated, s.ask("", "/api/trials", under(name)).status)
	}
	require.Equal(t, http.StatusTooManyRequests, s.ask("", "/api/trials", under(trialsPerMail)).status)
	require.Equal(t, http.StatusTooManyRequests, s.ask("", "/api/trials", wanted).status)
	require.Equal(t, http.StatusCreated, s.ask("", "/api/trials", strings.Replace(wanted, "ann@", "bob@", 1)).status)
	require.Equal(t, trialsPerMail+1, s.leads()[0], "who is who they say they are")
}

func TestTheStaffsPageOfTrials(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	staff, person := s.signIn(adminKey), s.signIn(s.company("acme", "pro"))
	require.Contains(t, staff.get("/trials").body, "Nobody asked yet.")
	for _, name := range []string{"ann", "bob"} {
		require.Equal(t, http.StatusCreated, s.ask("", "/api/trials", strings.Replace(wanted, "ann", name, 1)).status)
		s.mailed(name+"@acme.example", 1)
	}
	page := staff.get("/trials")
	for _, said := range []string{"ann@acme.example", "bob@acme.example", "asked", "still on trial, or paid"} {
		require.Contains(t, page.body, said)
	}
	lead := scan[string](s, "select id::text from trial_leads where email = 'ann@acme.example'")
	csrf := staff.csrf("/trials")
	for _, move := range []string{"resend", "delete"} {
		require.Equal(t, http.StatusForbidden, staff.post("/trials/"+lead+"/"+move).status, "without a token")
		require.Equal(t, http.StatusNotFound, person.post("/trials/"+lead+"/"+move, "csrf", person.csrf("/companies/acme")).status)
		require.Equal(t, http.StatusForbidden, s.browser().post("/trials/"+lead+"/"+move, "csrf", csrf).status)
	}
	require.Equal(t, http.StatusNotFound, person.get("/trials").status)
	require.Equal(t, "/signin", s.browser().get("/trials").header.Get("Location"))

	require.Equal(t, http.StatusSeeOther, staff.post("/trials/"+lead+"/resend", "csrf", csrf).status)
	const address = "ann@acme.example"
	link := s.mailed(address, 2)
	name := lead + "-2.eml"
	require.Contains(t, staff.get("/trials").body, "/trials/mails/"+name)
	mail := staff.get("/trials/mails/" + name)
	require.Contains(t, mail.body, link)
	require.Equal(t, "text/plain; charset=utf-8", mail.header.Get("Content-Type"))
	require.Equal(t, http.StatusNotFound, person.get("/trials/mails/"+name).status)
	require.Equal(t, http.StatusSeeOther, s.browser().get("/trials/mails/"+name).status)
	require.Equal(t, http.StatusNotFound, staff.get("/trials/mails/..%2f..%2fetc%2fpasswd").status)

	require.Equal(t, http.StatusSeeOther, staff.post("/trials/"+lead+"/delete", "csrf", csrf).status)
	require.NotContains(t, staff.get("/trials").body, address)
	require.Equal(t, http.StatusNotFound, staff.get("/trials/mails/"+name).status, "its mails are gone as well")
	require.Equal(t, http.StatusForbidden, s.browser().get(link).status)
	require.Equal(t, http.StatusNotFound, staff.post("/trials/"+lead+"/delete", "csrf", csrf).status)
	require.Equal(t, http.StatusNotFound, staff.post("/trials/"+lead+"/burn", "csrf", csrf).status)
	require.NotContains(t, s.log.String(), strings.Split(link, "/")[3], "a token is in no log")
}

func TestWhereMailsGoAndLead(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"transbot.example", "ftp://transbot.example", "https://", "https://a@transbot.example", "https://transbot.example/in?a=b"} {
		_, err := readConfig([]string{"-url", wrong}, noEnv, io.Discard)
		require.ErrorIs(t, err, errUsage, wrong)
	}
	for _, wrong := range [][]string{{"-https"}, {"-https", "-url", "http://transbot.example"}} {
		_, err := readConfig(wrong, noEnv, io.Discard)
		require.ErrorIs(t, err, errUsage, "a link that lets somebody in would travel in the clear")
	}
	c, err := readConfig([]string{"-https", "-url", "https://transbot.example/", "-data", "/srv/transbot"}, noEnv, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "/srv/transbot-mail", c.mailFolder(), "beside the data, which belongs to the database")
}
