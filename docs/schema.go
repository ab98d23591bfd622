// Package docs holds what is documented in files that the program carries along.
package docs

import _ "embed"

// Schema is the JSON schema (draft 2020-12) of an inventory.
//
//go:embed cloud.schema.json
var Schema []byte
