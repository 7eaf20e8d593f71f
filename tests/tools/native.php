<?php
// SPDX-License-Identifier: Apache-2.0
// The answer that every native program of the tests gives; see tests/flow/native.py.
$began = hrtime(true);
$slept = 0;
parse_str($_SERVER['QUERY_STRING'] ?? '', $order);
if (isset($order['note'])) {
    file_put_contents($order['note'], getmypid() . "\n", FILE_APPEND);
}
if (isset($order['sleep'])) {
    usleep(1000 * (int)$order['sleep']); // a signal would cut it short, and that would show
    $slept = intdiv(hrtime(true) - $began, 1000000);
}
if (isset($order['grow'])) {
    $kept = str_repeat('x', (int)$order['grow']);
}
header('Content-Type: text/plain');
echo 'pid=', getmypid(), " slept=$slept\n";
if (isset($order['born'])) {
    $stat = file_get_contents('/proc/self/stat');
    echo explode(' ', substr($stat, strrpos($stat, ')')))[20], "\n";
}
if (isset($order['cat'])) {
    readfile('php://input');
}
