#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A FastCGI program as Perl people write it; the answer is told in tests/flow/native.py.
use strict;
use warnings;
use FCGI;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my @kept;
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    my %order = map { my ($n, $v) = split /=/, $_, 2; ($n => $v // '') } split /&/, $ENV{QUERY_STRING} // '';
    if (exists $order{note}) {
        open my $note, '>>', $order{note} or die $!;
        print $note "$$\n";
        close $note;
    }
    my $slept = 0;
    if ($order{sleep}) {
        my $began = clock_gettime(CLOCK_MONOTONIC);
        Time::HiRes::sleep($order{sleep} / 1000);    # a signal would cut it short, and that would show
        $slept = int(1000 * (clock_gettime(CLOCK_MONOTONIC) - $began));
    }
    kill 'SEGV', $$ if exists $order{crash};
    push @kept, 'x' x $order{grow} if $order{grow};
    print "Content-Type: text/plain\r\n\r\npid=$$ slept=$slept\n";
    if (exists $order{born}) {
        open my $stat, '<', '/proc/self/stat' or die $!;
        print +(split / /, (split /\)/, <$stat>)[-1])[20], "\n";
    }
    if (exists $order{cat}) {
        my $block;
        print $block while read STDIN, $block, 65536;
    }
}
