#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Slow on purpose, under FastCGI and as CGI: what tests/tools/slow.c does, in Perl.
use strict;
use warnings;
use FCGI;
use IO::Socket::UNIX;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

sub slow_sleep {
    my $began = clock_gettime(CLOCK_MONOTONIC);
    Time::HiRes::nanosleep($_[0] * 1e6);
    return int(1000 * (clock_gettime(CLOCK_MONOTONIC) - $began));
}

sub slow_spin {
    my ($path, $n) = ($_[0], 0);
    for (my $round = 0; $round % 1000000 || !-e $path; $round++) { $n += $round }
    return $n != 0 ? 1 : 0;
}

sub slow_pipe {
    my $byte = '?';
    open my $in, '<', $_[0] or return -1;
    sysread $in, $byte, 1;
    return ord($byte) - ord('0');
}

sub slow_socket {
    my $byte = '?';
    my $in = IO::Socket::UNIX->new(Peer => $_[0]) or return -1;
    sysread $in, $byte, 1;
    return ord($byte) - ord('0');
}

my %modes = (sleep => \&slow_sleep, spin => \&slow_spin, pipe => \&slow_pipe, socket => \&slow_socket);
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    my ($mode, $argument) = split /=/, $ENV{QUERY_STRING} // '', 2;
    my $result = exists $modes{$mode // ''} ? $modes{$mode}->($argument) : -1;
    print "Content-Type: text/plain\r\n\r\npid=$$ ", $mode // '', " $result\n";
}
