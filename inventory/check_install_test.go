package inventory

import (
	"strings"
	"testing"
	"time"

	"pcloud-apply/inventory/distro"
)

// loadInstall reads an inventory with one image; its values are in line 3.
func loadInstall(image string) (Image, error) {
	text := "version: 1\nname: lab\nimages: {x: {" + image + "}}\n"
	inv, err := Load("f", []byte(text), memory{"k": "", "i": "", "a.iso": "", "answers": "lang en\n"})
	if err != nil {
		return Image{}, err
	}
	return inv.Images["x"], nil
}

func TestAProfileFillsInWhatIsNotDeclared(t *testing.T) {
	profile, _ := distro.Find("rocky9")
	image, err := loadInstall("install: {distro: rocky9}")
	if err != nil {
		t.Fatal(err)
	}
	i := image.Install
	if i.Location != profile.Location || string(i.Answers.Content) != string(profile.Answers.Content) || int64(i.Memory) != profile.Memory ||
		int64(image.Disk) != profile.Disk || i.VCPUs != 2 || i.Timeout != time.Hour || len(i.Content) != 1 || i.Content[0] != profile.Location {
		t.Errorf("%+v, disk %d", i, image.Disk)
	}
}

func TestEachPartOfAProfileCanBeReplaced(t *testing.T) {
	image, err := loadInstall("disk: 20GiB, install: {distro: rocky9, kernel: k, initrd: i, kickstart: answers, memory: 5GiB, vcpus: 1, timeout: 10s}")
	if err != nil {
		t.Fatal(err)
	}
	i := image.Install
	if i.Location != "" || i.Answers.Kind != distro.Kickstart || string(i.Answers.Content) != "lang en\n" || i.Memory != 5<<30 ||
		image.Disk != 20<<30 || len(i.Content) != 2 || !strings.HasPrefix(i.Content[0], "sha256:") {
		t.Errorf("%+v, disk %d", i, image.Disk)
	}
	if image, err = loadInstall("disk: 1GiB, install: {location: a.iso, preseed: answers}"); err != nil || !strings.HasPrefix(image.Install.Content[0], "sha256:") {
		t.Errorf("%+v, %v", image.Install, err)
	}
}

func TestFaultsOfInstallations(t *testing.T) {
	for text, want := range map[string]string{
		"install: {distro: roky9}":                                         `install.distro: there is no profile "roky9" (did you mean "rocky9"?); there are alma10`,
		"install: {distro: rocky9, preseed: answers, kickstart: answers}":  "install: has preseed and kickstart; only one of them can be",
		"disk: 1GiB, install: {location: a.iso}":                           "install: wants distro, or one of preseed, kickstart and autoinstall",
		"install: {distro: rocky9, kernel: k}":                             "install: kernel and initrd go together",
		"install: {distro: rocky9, location: a.iso, kernel: k, initrd: i}": "install: has a location and a kernel; only one of them can be",
		"disk: 1GiB, install: {preseed: answers}":                          "install: wants distro, location, or kernel with initrd",
		"install: {location: a.iso, preseed: answers}":                     "disk: an installation wants one of whole MiB",
		"install: {distro: rocky9, location: gone.iso}":                    "install.location: cannot read",
		"install: {distro: rocky9, location: \"ftp://x/y\"}":               "install.location: wants a file, or an http or https address",
		"install: {distro: rocky9, location: \"https://me:pw@x/y\"}":       "install.location: a password does not belong",
		"install: {distro: rocky9, location: \"https://x/y?token=z\"}":     "install.location: wants a plain address",
		"install: {distro: rocky9, kernel_args: é}":                        "install.kernel_args: wants one line",
		"install: {distro: rocky9, memory: 32MiB}":                         "install.memory: no installer runs in so little",
		"install: {distro: rocky9, vcpus: 0}":                              "install.vcpus: wants 1 to",
		"install: {distro: rocky9, timeout: 1s}":                           "install.timeout: wants 10s or more",
		"install: {distro: rocky9, network: \"a b\"}":                      "install.network: ",
	} {
		_, err := loadInstall(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "f:3:") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}
