#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The time, every half second, ten times or ?ticks=N: each line is at the browser when it is written.

use strict;
use warnings;
use POSIX qw(strftime);

$| = 1;
my ($ticks) = ( $ENV{QUERY_STRING} // '' ) =~ /(?:^|&)ticks=(\d{1,3})(?:&|$)/;
print "Content-Type: text/plain; charset=utf-8\r\n";
print "X-Accel-Buffering: no\r\n\r\n";
for my $tick ( 1 .. $ticks // 10 ) {
    print strftime( '%H:%M:%S', localtime ), " tick $tick\n";
    select undef, undef, undef, 0.5;
}
