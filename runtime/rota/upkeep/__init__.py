"""What runs need while their handlers run, in workers and behind endpoints alike: leases renewed, the word to stop said
in time, threads that outlive their errors, and an orderly end of the process."""
