// The part of Apache ECharts that the timeline needs; .ci/vendor/renew makes one file of it.
import { init, use } from "echarts/core";
import { CustomChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

use([CustomChart, GridComponent, CanvasRenderer]);
export { init };
