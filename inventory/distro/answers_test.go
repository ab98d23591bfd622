package distro

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func profilesOf(t *testing.T, kind Kind) []Profile {
	t.Helper()
	var found []Profile
	for _, p := range all() {
		if p.Answers.Kind == kind {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no profile has %s answers", kind)
	}
	return found
}

// run gives what a tool says, which must be there.
func run(t *testing.T, input string, command ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatalf("%v (scripts/install-deps)", err)
	}
	cmd := exec.Command(path, command[1:]...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func checkShell(t *testing.T, name, shell, script string) {
	t.Helper()
	if out, err := run(t, script, shell, "-n"); err != nil {
		t.Errorf("%s: %v: %s\n%s", name, err, out, script)
	}
}

func TestDebconfTakesEveryPreseed(t *testing.T) {
	for _, p := range profilesOf(t, Preseed) {
		if out, err := run(t, string(p.Answers.Content), "debconf-set-selections", "--checkonly"); err != nil || out != "" {
			t.Errorf("%s: %v: %s", p.Name, err, out)
		}
		for _, line := range strings.Split(joined(p), "\n") {
			if line != "" && !strings.HasPrefix(line, "#") && !answer.MatchString(line) {
				t.Errorf("%s has the line %q", p.Name, line)
			}
		}
		checkShell(t, p.Name, "sh", lateCommand(t, p))
	}
}

// answer is a line of a preseed: owner, question, type, value.
var answer = regexp.MustCompile(`^(d-i|tasksel|popularity-contest) [a-z/_-]+ (string|boolean|select|multiselect|note|password)( \S.*)?$`)

var continuation = regexp.MustCompile(`[ \t]*\\\n[ \t]*`)

// joined gives a preseed with its continued lines put together, as Debian's
// installer does.
func joined(p Profile) string {
	return continuation.ReplaceAllString(string(p.Answers.Content), " ")
}

func lateCommand(t *testing.T, p Profile) string {
	t.Helper()
	const question = "\nd-i preseed/late_command string "
	_, value, found := strings.Cut(joined(p), question)
	if !found || strings.Contains(value, question) {
		t.Fatalf("%s has not one late command", p.Name)
	}
	value, _, _ = strings.Cut(value, "\n")
	return value
}

func TestCloudInitTakesEveryAutoinstall(t *testing.T) {
	for _, p := range profilesOf(t, Autoinstall) {
		path := filepath.Join(t.TempDir(), "user-data")
		if err := os.WriteFile(path, p.Answers.Content, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run(t, "", "cloud-init", "schema", "--config-file", path); err != nil {
			t.Errorf("%s: %v: %s", p.Name, err, out)
		}
		for _, command := range autoinstall(t, p).Late {
			checkShell(t, p.Name, "sh", command)
		}
	}
}

// installation has all keys that Subiquity knows in each of the releases and
// that are used here. Version 1 ignores others, so they are faults.
type installation struct {
	Version  int
	Locale   string
	Keyboard struct{ Layout string }
	Timezone string
	Storage  struct {
		Swap   map[string]int
		Config []struct {
			ID, Type                   string
			Path, Ptable, Wipe, Device string
			GrubDevice                 bool `yaml:"grub_device"`
			Number, Size               int
			Flag, Volume, Fstype       string
		}
	}
	SSH struct {
		Server   bool `yaml:"install-server"`
		Password bool `yaml:"allow-pw"`
	}
	UserData map[string]bool `yaml:"user-data"`
	Packages []string
	Late     []string `yaml:"late-commands"`
	Shutdown string
}

func autoinstall(t *testing.T, p Profile) installation {
	t.Helper()
	var document struct{ Autoinstall installation }
	decoder := yaml.NewDecoder(strings.NewReader(string(p.Answers.Content)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return document.Autoinstall
}

func TestAnAutoinstallHasWhatSubiquityNeedsToAskNothing(t *testing.T) {
	for _, p := range profilesOf(t, Autoinstall) {
		have := autoinstall(t, p)
		if !strings.HasPrefix(string(p.Answers.Content), "#cloud-config\n") || have.Version != 1 {
			t.Errorf("%s is no cloud-config, or version %d", p.Name, have.Version)
		}
		if !have.SSH.Server || have.SSH.Password {
			t.Errorf("%s: %+v", p.Name, have.SSH)
		}
		if diff := cmp.Diff(map[string]int{"size": 0}, have.Storage.Swap); diff != "" {
			t.Errorf("%s: %s", p.Name, diff)
		}
		if diff := cmp.Diff(map[string]bool{"disable_root": true}, have.UserData); diff != "" {
			t.Errorf("%s: %s", p.Name, diff)
		}
	}
}
