package audit

import "slices"

// IsSecret says whether a name speaks of a secret (password, token, api_key and such), whose values are redacted unless
// the host says otherwise: members of payloads, columns of watched tables.
func IsSecret(name string) bool { return slices.Contains(secrets, lower(name)) }
