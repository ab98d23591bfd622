package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Seed is what a spawn's NoCloud disk is made from. Its contents may be
// secret: they are left out of every printed or stored form.
type Seed struct {
	Hostname      string
	User          string
	Keys          []string
	UserData      []byte `json:"-"`
	NetworkConfig []byte `json:"-"`
}

// Hash is a digest over everything in the seed but the instance-id.
func (s Seed) Hash() string {
	return digest("pcloud-apply seed 1", s.Hostname, s.User, s.Keys, s.UserData, s.NetworkConfig)
}

// digest hashes values in their JSON form, which keeps their borders apart.
func digest(values ...any) string {
	hash := sha256.New()
	// Encoding strings, numbers, byte slices and lists of them cannot fail.
	_ = json.NewEncoder(hash).Encode(values)
	return hex.EncodeToString(hash.Sum(nil))
}
