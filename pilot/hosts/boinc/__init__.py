"""Runs a pilot under BOINC: as a native application, under the wrapper, or in a virtual machine
under vboxwrapper."""
