<?php
// Writes lines to `to` for `seconds`, and says how many megabytes a second that were.
header('Content-Type: text/plain');
$to = fopen($_GET['to'], 'w');
$lines = str_repeat(str_repeat('x', 99) . "\n", 600);
$end = microtime(true) + $_GET['seconds'];
for ($written = 0; microtime(true) < $end; $written += strlen($lines))
    fwrite($to, $lines);
printf("%.1f\n", $written / 1e6 / $_GET['seconds']);
