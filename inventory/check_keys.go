package inventory

import (
	"encoding/base64"
	"slices"
	"strings"
)

var keyTypes = []string{
	"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
}

func (l *loader) checkKeys(keys []string, path string) {
	for i, key := range keys {
		if problem := keyProblem(key); problem != "" {
			l.complain(index(path, i), "%s", problem)
		}
	}
}

// keyProblem says why a text is no public key as it stands in authorized_keys.
func keyProblem(key string) string {
	parts := strings.Fields(key)
	switch {
	case len(parts) < 2 || !slices.Contains(keyTypes, parts[0]):
		return "wants a public key such as ssh-ed25519 AAAA… name"
	}
	payload, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil || len(payload) < 16 || !strings.Contains(string(payload[:min(len(payload), 64)]), parts[0]) {
		return "this public key is damaged or cut off"
	}
	return ""
}
