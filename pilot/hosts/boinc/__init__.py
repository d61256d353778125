"""A pilot as a guest of BOINC: as a native application, under the wrapper, or in a virtual machine
of vboxwrapper."""
