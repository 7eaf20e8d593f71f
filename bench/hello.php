<?php
// SPDX-License-Identifier: Apache-2.0
// As fcgi-hello.c, in PHP.
header('Content-Type: text/plain');
if (isset($_GET['sleep'])) {
    usleep(1000 * (int)$_GET['sleep']);
}
echo 'hello';
