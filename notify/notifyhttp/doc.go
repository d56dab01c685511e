// Package notifyhttp delivers notifications to a webhook, and lets a receiver check that they are genuine.
//
//	webhook, err := notifyhttp.New("https://pager.example.com/hook", tenon.NewSecret(os.Getenv("HOOK_SECRET")), nil)
//	if err != nil {
//		return err
//	}
//	outbox := notify.NewOutbox(notifypg.New(pool, nil), map[string]tenon.Notifier{"oncall": webhook}, nil)
//
// # Request
//
// A POST with the notification as JSON, or with what Options.Format makes of it ([Slack]). Header [KeyHeader] carries
// the key, escaped as in a query, by which a receiver tells repeats. Header [SignatureHeader] reads
//
//	t=1772366400,v1=6d1c…,v1=09af…
//
// the time in seconds, and for each secret the HMAC-SHA256, in hex, of the time, a dot and the body. Two secrets are used
// while one replaces the other. A receiver in Go uses a [Verifier]; any other takes the lines above.
//
// # Failure
//
// What may pass soon (no connection, 408, 425, 429, 5xx) is tried again within the call, after a growing pause with
// jitter, or what Retry-After says; when that is longer than the call may last the error is a notify.RetryError, which an
// outbox heeds. A receiver that answers 400, 405, 410, 413, 415 or 422 never takes this notification: the error is a
// notify.ErrRefused. Everything else, a redirect among it, is for a person to mend, and is left to the outbox to try
// again. Redirects are not followed: the body is for one address. No error contains the address beyond its host, or a
// secret.
package notifyhttp
